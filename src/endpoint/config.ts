// config.yaml of an endpoint of one user, in the field's keys.

import { ComputeError } from '../common/errors.ts';
import { invalid, isMapping, parser, withoutNulls } from '../common/schema.ts';
import { parseEngineBlock, type EngineBlock } from './engine-block.ts';

interface Keys {
  /** What people see; null: the directory's name. */
  display_name: string | null;
  /** null: every function may run here. An empty list: none. */
  allowed_functions: string[] | null;
  authentication_policy: string | null;
  subscription_id: string | null;
  admins: string[] | null;
  /** In the place of the port in the broker's URLs. */
  amqp_port: number | null;
  /** Seconds. */
  heartbeat_period: number;
  /** Seconds; at least twice the period. Nothing depends on it. */
  heartbeat_threshold: number;
  /** So many heartbeats without work after all was done, and the endpoint stops. 0: never, nor by the hard limit. */
  idle_heartbeats_soft: number;
  /** So many without a task or result moving, and it stops whatever is open. */
  idle_heartbeats_hard: number;
  high_assurance: boolean;
  /** Of the service; shown in the process's title. */
  environment: string | null;
  local_compute_services: boolean;
  debug: boolean;
  /** Shell texts: before the endpoint takes tasks, and after `stop`. */
  endpoint_setup: string | null;
  endpoint_teardown: string | null;
  log_dir: string | null;
  stdout: string | null;
  stderr: string | null;
  /** Whether `start` leaves it in the background. */
  detach_endpoint: boolean;
}

export interface EndpointConfig extends Readonly<Keys>, EngineBlock {}

const HEARTBEAT_MIN_S = 5;
const FLAGS = ['high_assurance', 'local_compute_services', 'debug', 'detach_endpoint'];
const OF_MANAGERS: ReadonlySet<string> = new Set([
  'identity_mapping_config_path', 'public', 'user_config_template_path', 'user_config_schema_path', 'audit_log_path',
  'pam', 'mu_child_ep_grace_period_s', 'force_mu_allow_same_user', 'email',
  'minimum_uid',
]);

const text = { type: 'string' } as const;
const optionalText = { ...text, nullable: true, default: null } as const;
const uuid = {
  ...text, pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$', description: 'a UUID',
} as const;
const flag = { type: 'boolean', default: false } as const;
const beats = { type: 'integer', minimum: 0, maximum: 1_000_000_000 } as const;
const optionalUuid = { ...uuid, nullable: true, default: null } as const;
const optionalUuids = { type: 'array', items: uuid, nullable: true, default: null } as const;

type Nullable = { [K in keyof Keys]: null extends Keys[K] ? K : never }[keyof Keys];
/** As the schema's type wants it: what may be null may be missing. */
type Written = Omit<Keys, Nullable> & { [K in Nullable]?: Exclude<Keys[K], null> };

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
    heartbeat_threshold: { type: 'number', exclusiveMinimum: 0, maximum: 864_000, default: 120 },
    idle_heartbeats_soft: { ...beats, default: 0 },
    idle_heartbeats_hard: { ...beats, default: 5760 },
    high_assurance: flag,
    environment: optionalText,
    local_compute_services: flag,
    debug: flag,
    endpoint_setup: optionalText,
    endpoint_teardown: optionalText,
    log_dir: optionalText,
    stdout: optionalText,
    stderr: optionalText,
    detach_endpoint: { type: 'boolean', default: true },
  },
  // What may be null has null as its default, so nothing is missing any more.
}) as (value: unknown) => Keys;

/**
 * What config.yaml says, complete. `cores`: of this machine, for a pool's number of workers. Throws CONFIG_INVALID with
 * one line per problem.
 */
export function parseEndpointConfig(value: unknown, cores: number): EndpointConfig {
  const given = withoutNulls(value ?? {});
  if (!isMapping(given)) throw invalid(['config.yaml: expected a mapping of keys']);
  const { engine, multi_user: multiUser, ...rest } = given;
  if (multiUser === true) throw invalid(['config.yaml.multi_user: this is a manager\'s; one user\'s has an engine']);
  const managers = Object.keys(rest).filter((key) => OF_MANAGERS.has(key));
  if (managers.length > 0) {
    throw invalid(managers.map((key) => `config.yaml.${key}: only a manager has this key; remove it, or the engine`));
  }
  const [keys, block] = together(
    () => parseKeys(coerced(rest)),
    () => {
      if (engine === undefined) throw invalid(['engine: it is missing; the endpoint will not start without one']);
      return parseEngineBlock(engine, cores);
    },
  );
  if (keys.high_assurance && !block.engine.encrypted) {
    throw invalid(['Engine configuration is not High Assurance compliant.  Endpoint will not start. (engine.encrypted '
      + 'is false)']);
  }
  return {
    ...keys, ...block, ...periods(keys),
    notes: [...block.notes, ...notesOf(keys)],
  };
}

function periods(keys: Keys): Pick<Keys, 'heartbeat_period' | 'heartbeat_threshold'> {
  const period = Math.max(HEARTBEAT_MIN_S, keys.heartbeat_period);
  return { heartbeat_period: period, heartbeat_threshold: Math.max(2 * period, keys.heartbeat_threshold) };
}

function notesOf({ heartbeat_period: period, log_dir: logDirectory }: Keys): string[] {
  return [
    ...period < HEARTBEAT_MIN_S ? [`Heartbeat minimum is ${HEARTBEAT_MIN_S}.0s (requested: ${period})`] : [],
    ...logDirectory === null ? [] : ["log_dir has no effect: the log is endpoint.log in the endpoint's directory"],
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

/** Both, or every problem of both. */
function together<A, B>(first: () => A, second: () => B): readonly [A, B] {
  const problems: string[] = [];
  const tried = <T>(parse: () => T): T | undefined => {
    try {
      return parse();
    } catch (error) {
      if (!isInvalid(error)) throw error;
      problems.push(...error.message.split('\n'));
      return undefined;
    }
  };
  const a = tried(first);
  const b = tried(second);
  if (a === undefined || b === undefined) throw invalid(problems);
  return [a, b];
}

function isInvalid(error: unknown): error is ComputeError {
  return error instanceof ComputeError && error.code === 'CONFIG_INVALID';
}
