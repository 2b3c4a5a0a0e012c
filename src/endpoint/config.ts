// config.yaml of an endpoint of one user, in the field's keys.

import {
  heartbeatPeriod, optionalText, sharedProperties, writtenKeys, type SharedKeys, type Written,
} from '../common/endpoint-keys.ts';
import { ComputeError } from '../common/errors.ts';
import { invalid, parser } from '../common/schema.ts';
import { parseEngineBlock, type EngineBlock } from './engine-block.ts';

interface Keys extends SharedKeys {
  /** Seconds; at least twice the period. Nothing depends on it. */
  heartbeat_threshold: number;
  /** So many heartbeats without work after all was done, and the endpoint stops. 0: never, nor by the hard limit. */
  idle_heartbeats_soft: number;
  /** So many without a task or result moving, and it stops whatever is open. */
  idle_heartbeats_hard: number;
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

const OF_MANAGERS: ReadonlySet<string> = new Set([
  'identity_mapping_config_path', 'public', 'user_config_template_path', 'user_config_schema_path', 'audit_log_path',
  'pam', 'mu_child_ep_grace_period_s', 'force_mu_allow_same_user', 'email',
  'minimum_uid',
]);

const beats = { type: 'integer', minimum: 0, maximum: 1_000_000_000 } as const;

const parseKeys = parser<Written<Keys>>('config.yaml', {
  type: 'object',
  required: [],
  properties: {
    ...sharedProperties,
    heartbeat_threshold: { type: 'number', exclusiveMinimum: 0, maximum: 864_000, default: 120 },
    idle_heartbeats_soft: { ...beats, default: 0 },
    idle_heartbeats_hard: { ...beats, default: 5760 },
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
  const { engine, multi_user: multiUser, ...rest } = writtenKeys(value, ['detach_endpoint']);
  if (multiUser === true) throw invalid(['config.yaml.multi_user: this is a manager\'s; one user\'s has an engine']);
  const managers = Object.keys(rest).filter((key) => OF_MANAGERS.has(key));
  if (managers.length > 0) {
    throw invalid(managers.map((key) => `config.yaml.${key}: only a manager has this key; remove it, or the engine`));
  }
  const [keys, block] = together(
    () => parseKeys(rest),
    () => {
      if (engine === undefined) throw invalid(['engine: it is missing; the endpoint will not start without one']);
      return parseEngineBlock(engine, cores);
    },
  );
  if (keys.high_assurance && !block.engine.encrypted) {
    throw invalid(['Engine configuration is not High Assurance compliant.  Endpoint will not start. (engine.encrypted '
      + 'is false)']);
  }
  const { period, notes } = heartbeatPeriod(keys.heartbeat_period);
  return {
    ...keys, ...block,
    heartbeat_period: period, heartbeat_threshold: Math.max(2 * period, keys.heartbeat_threshold),
    notes: [...block.notes, ...notes, ...notesOf(keys)],
  };
}

function notesOf({ log_dir: logDirectory }: Keys): string[] {
  return logDirectory === null ? [] : ["log_dir has no effect: the log is endpoint.log in the endpoint's directory"];
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
