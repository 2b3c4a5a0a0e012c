// The keys that config.yaml has for every endpoint, of one user or of many.

import { isMapping, invalid, withoutNulls } from './schema.ts';

export interface SharedKeys {
  /** What people see; null: the directory's name. */
  display_name: string | null;
  /** null: every function may run, here and on every user endpoint of it. An empty list: none. */
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
}

type Nullable<K> = { [N in keyof K]: null extends K[N] ? N : never }[keyof K];
/** Keys as a schema's type wants them: what may be null may be missing. */
export type Written<K> = Omit<K, Nullable<K>> & { [N in Nullable<K>]?: Exclude<K[N], null> };

export const text = { type: 'string' } as const;
export const optionalText = { ...text, nullable: true, default: null } as const;
export const flag = { type: 'boolean', default: false } as const;
const uuid = {
  ...text, pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$', description: 'a UUID',
} as const;
const optionalUuid = { ...uuid, nullable: true, default: null } as const;
const optionalUuids = { type: 'array', items: uuid, nullable: true, default: null } as const;

export const sharedProperties = {
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
} as const;

const HEARTBEAT_MIN_S = 5;

/** The seconds that count, and what is said where they are not those that are written. */
export function heartbeatPeriod(requested: number): { period: number; notes: readonly string[] } {
  if (requested >= HEARTBEAT_MIN_S) return { period: requested, notes: [] };
  return {
    period: HEARTBEAT_MIN_S, notes: [`Heartbeat minimum is ${HEARTBEAT_MIN_S}.0s (requested: ${requested})`],
  };
}

const SHARED_FLAGS: readonly string[] = ['high_assurance', 'local_compute_services', 'debug'];

/**
 * The keys that are written, as the field reads them: flags (the shared ones, and `flags`) may be texts, and `None` is
 * nobody's name. Throws CONFIG_INVALID where `written` has no keys.
 */
export function writtenKeys(written: unknown, flags: readonly string[]): Readonly<Record<string, unknown>> {
  const given = withoutNulls(written ?? {});
  if (!isMapping(given)) throw invalid(['config.yaml: expected a mapping of keys']);
  const isFlag = (key: string): boolean => SHARED_FLAGS.includes(key) || flags.includes(key);
  const changed = Object.entries(given).map(([key, value]) => [key, isFlag(key) ? flagOf(value) : value]);
  const { display_name: name, ...rest } = Object.fromEntries(changed) as Record<string, unknown>;
  return name === undefined || name === 'None' ? rest : { ...rest, display_name: name };
}

function flagOf(value: unknown): unknown {
  const word = typeof value === 'string' ? value.toLowerCase() : value;
  if (word === 'yes' || word === 'on' || word === 'true' || word === '1' || word === 1) return true;
  return word === 'no' || word === 'off' || word === 'false' || word === '0' || word === 0 ? false : value;
}
