// config.yaml of a multi-user endpoint, in the field's keys. Read by the commands; the supervisor gets the outcome.

import {
  flag, heartbeatPeriod, optionalText, sharedProperties, text, writtenKeys, type SharedKeys, type Written,
} from '../common/endpoint-keys.ts';
import { invalid, parser } from '../common/schema.ts';

interface Keys extends SharedKeys {
  /** Who is which local user. Without privileges it is not used. */
  identity_mapping_config_path: string | null;
  /** Whether others find it when they look for endpoints; they may use it in any case. */
  public: boolean;
  /** null: user_config_template.yaml.j2, or user_config_template.yaml, beside config.yaml. */
  user_config_template_path: string | null;
  /** null: user_config_schema.json, beside config.yaml. */
  user_config_schema_path: string | null;
  audit_log_path: string | null;
  pam: { enable: boolean; service_name: string } | null;
  /** Seconds for which a request for a user endpoint that runs is remembered, should it just be about to end. */
  mu_child_ep_grace_period_s: number;
  /** Of whoever is responsible for it. */
  email: string | null;
  /** The smallest uid that somebody may be mapped to. */
  minimum_uid: number;
}

export interface SupervisorConfig extends Readonly<Keys> {
  /** What is not done as it is written, or better known, for whoever starts it. */
  readonly notes: readonly string[];
}

/** Below, by custom, are the system's own accounts: daemon, mail, backup, which are names of mailboxes, too. */
export const MINIMUM_UID = 1000;
const FLAGS = ['public', 'multi_user', 'force_mu_allow_same_user', 'detach_endpoint'] as const;
/** They belong into the template. */
const OF_USER_ENDPOINTS: ReadonlySet<string> = new Set([
  'engine', 'heartbeat_threshold', 'idle_heartbeats_soft', 'idle_heartbeats_hard', 'endpoint_setup',
  'endpoint_teardown', 'log_dir', 'stdout', 'stderr',
]);

interface Legacy {
  multi_user: boolean;
  force_mu_allow_same_user: boolean;
  detach_endpoint: boolean;
}

type All = Keys & Legacy;
const parseKeys = parser<Written<All>>('config.yaml', {
  type: 'object',
  required: [],
  properties: {
    ...sharedProperties,
    identity_mapping_config_path: optionalText,
    public: flag,
    user_config_template_path: optionalText,
    user_config_schema_path: optionalText,
    audit_log_path: optionalText,
    pam: {
      type: 'object', nullable: true, default: null, required: [],
      properties: {
        enable: { type: 'boolean', default: true }, service_name: { ...text, default: 'globus-compute-endpoint' },
      },
    },
    mu_child_ep_grace_period_s: { type: 'number', minimum: 0, maximum: 86_400, default: 30 },
    email: optionalText,
    minimum_uid: { type: 'integer', minimum: 1, maximum: 2 ** 31 - 1, default: MINIMUM_UID },
    multi_user: { type: 'boolean', default: true },
    force_mu_allow_same_user: flag,
    detach_endpoint: flag,
  },
  // What may be null has null as its default, so nothing is missing any more.
}) as (value: unknown) => All;

/** What config.yaml says, complete. Throws CONFIG_INVALID with one line per problem. */
export function parseSupervisorConfig(written: unknown): SupervisorConfig {
  const given = writtenKeys(written, FLAGS);
  const misplaced = Object.keys(given).filter((key) => OF_USER_ENDPOINTS.has(key));
  if (misplaced.length > 0) {
    throw invalid(misplaced.map((key) => `config.yaml.${key}: a multi-user endpoint runs no tasks itself; move it to `
      + 'user_config_template.yaml.j2'));
  }
  const { multi_user: multiUser, force_mu_allow_same_user: sameUser, detach_endpoint: _, ...keys }
    = parseKeys(given);
  const problems = [
    ...multiUser ? [] : ['config.yaml.multi_user: an endpoint for one user needs an engine, and there is none'],
    ...keys.pam?.enable !== true ? [] : ['config.yaml.pam: user endpoints are not started through PAM; remove it, or '
      + 'set pam.enable to false'],
    ...keys.admins === null || keys.subscription_id !== null ? []
      : ['config.yaml.admins: other administrators need a subscription_id'],
  ];
  if (problems.length > 0) throw invalid(problems);
  const { period, notes } = heartbeatPeriod(keys.heartbeat_period);
  const others = notesOf(keys, { sameUser, detaches: 'detach_endpoint' in given });
  return { ...keys, heartbeat_period: period, notes: [...notes, ...others] };
}

function notesOf(keys: Keys, { sameUser, detaches }: { sameUser: boolean; detaches: boolean }): string[] {
  const { high_assurance: assured, audit_log_path: audit } = keys;
  return [
    ...assured ? ['high_assurance is registered with the service, and user endpoints must be encrypted; the audit log '
      + 'of tasks is not there yet'] : [],
    ...audit !== null && !assured ? ['audit_log_path has no effect without high_assurance'] : [],
    ...sameUser ? ['force_mu_allow_same_user has no effect: nobody is mapped to the account of the multi-user endpoint']
      : [],
    ...detaches ? ['detach_endpoint has no effect on a multi-user endpoint: --detach leaves it in the background'] : [],
  ];
}
