// config.yaml of a multi-user endpoint, in the field's keys. Read by the commands; the supervisor gets the outcome.

import { invalid, isMapping, parser, withoutNulls } from '../common/schema.ts';

interface Keys {
  /** What people see; null: the directory's name. */
  display_name: string | null;
  /** For every user endpoint, whatever its template says. null: every function may run. An empty list: none. */
  allowed_functions: string[] | null;
  /** Of the service, which asks it about each user. */
  authentication_policy: string | null;
  subscription_id: string | null;
  /** Identities that may manage it beside its owner. */
  admins: string[] | null;
  /** In the place of the port in the broker's URLs. */
  amqp_port: number | null;
  /** Seconds between two signs of life. */
  heartbeat_period: number;
  high_assurance: boolean;
  /** Of the service; shown in the process's title. */
  environment: string | null;
  local_compute_services: boolean;
  debug: boolean;
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

const HEARTBEAT_MIN_S = 5;
/** Below, by custom, are the system's own accounts: daemon, mail, backup, which are names of mailboxes, too. */
export const MINIMUM_UID = 1000;
const FLAGS: readonly string[] = [
  'high_assurance', 'local_compute_services', 'debug', 'public', 'multi_user', 'force_mu_allow_same_user',
  'detach_endpoint',
];
/** They belong into the template. */
const OF_USER_ENDPOINTS: ReadonlySet<string> = new Set([
  'engine', 'heartbeat_threshold', 'idle_heartbeats_soft', 'idle_heartbeats_hard', 'endpoint_setup',
  'endpoint_teardown', 'log_dir', 'stdout', 'stderr',
]);

const text = { type: 'string' } as const;
const optionalText = { ...text, nullable: true, default: null } as const;
const uuid = {
  ...text, pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$', description: 'a UUID',
} as const;
const flag = { type: 'boolean', default: false } as const;
const optionalUuid = { ...uuid, nullable: true, default: null } as const;
const optionalUuids = { type: 'array', items: uuid, nullable: true, default: null } as const;

interface Legacy {
  multi_user: boolean;
  force_mu_allow_same_user: boolean;
  detach_endpoint: boolean;
}

type All = Keys & Legacy;
type Nullable = { [K in keyof All]: null extends All[K] ? K : never }[keyof All];
/** As the schema's type wants it: what may be null may be missing. */
type Written = Omit<All, Nullable> & { [K in Nullable]?: Exclude<All[K], null> };

const parseKeys = parser<Written>('config.yaml', {
  type: 'object',
  required: [],
  properties: {
    display_name: optionalText,
    allowed_functions: optionalUuids,
    authentication_policy: optionalUuid,
    subscription_id: optionalUuid,
    admins: optionalUuids,
    amqp_port: { type: 'integer', minimum: 1, maximum: 65_535, nullable: true, default: null },
    heartbeat_period: { type: 'number', exclusiveMinimum: 0, maximum: 86_400, default: 30 },
    high_assurance: flag,
    environment: optionalText,
    local_compute_services: flag,
    debug: flag,
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
  const given = withoutNulls(written ?? {});
  if (!isMapping(given)) throw invalid(['config.yaml: expected a mapping of keys']);
  const misplaced = Object.keys(given).filter((key) => OF_USER_ENDPOINTS.has(key));
  if (misplaced.length > 0) {
    throw invalid(misplaced.map((key) => `config.yaml.${key}: a multi-user endpoint runs no tasks itself; move it to `
      + 'user_config_template.yaml.j2'));
  }
  const { multi_user: multiUser, force_mu_allow_same_user: sameUser, detach_endpoint: _, ...keys }
    = parseKeys(coerced(given));
  const problems = [
    ...multiUser ? [] : ['config.yaml.multi_user: an endpoint for one user needs an engine, and there is none'],
    ...keys.pam?.enable !== true ? [] : ['config.yaml.pam: user endpoints are not started through PAM; remove it, or '
      + 'set pam.enable to false'],
    ...keys.admins === null || keys.subscription_id !== null ? []
      : ['config.yaml.admins: other administrators need a subscription_id'],
  ];
  if (problems.length > 0) throw invalid(problems);
  const period = Math.max(HEARTBEAT_MIN_S, keys.heartbeat_period);
  const notes = notesOf(keys, { sameUser, detaches: 'detach_endpoint' in given });
  return { ...keys, heartbeat_period: period, notes };
}

function notesOf(keys: Keys, { sameUser, detaches }: { sameUser: boolean; detaches: boolean }): string[] {
  const { heartbeat_period: period, high_assurance: assured, audit_log_path: audit } = keys;
  return [
    ...period < HEARTBEAT_MIN_S ? [`Heartbeat minimum is ${HEARTBEAT_MIN_S}.0s (requested: ${period})`] : [],
    ...assured ? ['high_assurance is registered with the service, and user endpoints must be encrypted; the audit log '
      + 'of tasks is not there yet'] : [],
    ...audit !== null && !assured ? ['audit_log_path has no effect without high_assurance'] : [],
    ...sameUser ? ['force_mu_allow_same_user has no effect: nobody is mapped to the account of the multi-user endpoint']
      : [],
    ...detaches ? ['detach_endpoint has no effect on a multi-user endpoint: --detach leaves it in the background'] : [],
  ];
}

/** As the field reads them: flags may be texts, and `None` is nobody's name. */
function coerced(keys: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const changed = Object.entries(keys).map(([key, value]) => [key, FLAGS.includes(key) ? flagOf(value) : value]);
  const { display_name: name, ...rest } = Object.fromEntries(changed) as Record<string, unknown>;
  return name === undefined || name === 'None' ? rest : { ...rest, display_name: name };
}

function flagOf(value: unknown): unknown {
  const word = typeof value === 'string' ? value.toLowerCase() : value;
  if (word === 'yes' || word === 'on' || word === 'true' || word === '1' || word === 1) return true;
  return word === 'no' || word === 'off' || word === 'false' || word === '0' || word === 0 ? false : value;
}
