// What the service is told when it starts: one JSON line on its standard input, from the command line and its file.

import { join } from 'node:path';
import { parser, type Schema } from '../common/schema.ts';
import type { BrokerConfig } from './broker.ts';

/** As people write it. */
interface ServiceKeys {
  host: string;
  port: number;
  /** As users reach the service, where that is not http://host:port. */
  public_url?: string | null;
  data_directory: string;
  database_url?: string | null;
  broker: {
    /** Without one: a private broker. */
    url?: string | null;
    management_url?: string | null;
    public_url?: string | null;
    host: string;
    port?: number | null;
    public_host?: string | null;
    program?: string | null;
  };
  task_retention_days: number;
  result_retention_days: number;
  storage_reserve_mib: number;
  failed_starts_per_minute: number;
  access_token_hours: number;
  refresh_token_days: number;
  log_level: string;
  log_file?: string | null;
}

export interface ServiceConfig {
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string | null;
  readonly directory: string;
  readonly databaseUrl: string | null;
  readonly broker: BrokerConfig;
  readonly taskRetentionS: number;
  readonly resultRetentionS: number;
  readonly storageReserveBytes: number;
  /** Of one user's user endpoints below one endpoint; then no other is tried for a while. */
  readonly failedStartsMax: number;
  readonly accessTokenS: number;
  readonly refreshTokenS: number;
  readonly logLevel: string;
  readonly logPath: string | null;
}

const DAY_S = 86_400;
const MIB = 1024 ** 2;
/** An AMQP client knows its own port. */
const port = { type: 'integer', minimum: 0, maximum: 65_535 } as const;

const schema: Schema<ServiceKeys> = {
  type: 'object',
  properties: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { ...port, default: 5000 },
    public_url: { type: 'string', nullable: true, pattern: '^https?://', description: 'an http or https URL' },
    data_directory: { type: 'string', minLength: 1 },
    database_url: {
      type: 'string', nullable: true, pattern: '^postgres(ql)?://',
      description: 'a URL like postgres://user@host/database',
    },
    broker: {
      type: 'object',
      properties: {
        url: { type: 'string', nullable: true },
        management_url: { type: 'string', nullable: true },
        public_url: { type: 'string', nullable: true },
        host: { type: 'string', default: '127.0.0.1' },
        port: { ...port, nullable: true },
        public_host: { type: 'string', nullable: true },
        program: { type: 'string', nullable: true },
      },
      required: [],
      default: { host: '127.0.0.1' },
    },
    task_retention_days: { type: 'number', exclusiveMinimum: 0, default: 14 },
    result_retention_days: { type: 'number', exclusiveMinimum: 0, default: 14 },
    storage_reserve_mib: { type: 'number', minimum: 32, default: 128 },
    failed_starts_per_minute: { type: 'integer', minimum: 1, maximum: 1000, default: 20 },
    access_token_hours: { type: 'number', exclusiveMinimum: 0, default: 48 },
    refresh_token_days: { type: 'number', exclusiveMinimum: 0, default: 180 },
    log_level: {
      type: 'string', enum: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], default: 'info',
    },
    log_file: { type: 'string', nullable: true },
  },
  required: ['data_directory'],
};

const parse = parser('service', schema);

/** Throws CONFIG_INVALID, a line for each key that has to change. */
export function parseServiceConfig(value: unknown): ServiceConfig {
  const keys = parse(value);
  return {
    host: keys.host, port: keys.port, publicUrl: keys.public_url?.replace(/\/$/, '') ?? null,
    directory: keys.data_directory, databaseUrl: keys.database_url ?? null, broker: brokerOf(keys),
    taskRetentionS: keys.task_retention_days * DAY_S, resultRetentionS: keys.result_retention_days * DAY_S,
    storageReserveBytes: keys.storage_reserve_mib * MIB, failedStartsMax: keys.failed_starts_per_minute,
    accessTokenS: keys.access_token_hours * 3600, refreshTokenS: keys.refresh_token_days * DAY_S,
    logLevel: keys.log_level, logPath: keys.log_file ?? null,
  };
}

function brokerOf({ broker, data_directory: directory }: ServiceKeys): BrokerConfig {
  if (broker.url) {
    return {
      url: broker.url, management_url: broker.management_url ?? managementOf(broker.url),
      public_url: broker.public_url ?? undefined,
    };
  }
  return {
    directory: join(directory, 'broker'), host: broker.host, port: broker.port ?? undefined,
    public_host: broker.public_host ?? undefined, program: broker.program ?? undefined,
  };
}

/** The port that the management API has unless somebody chose another. */
function managementOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { protocol, username, password, hostname } = new URL(url);
  const login = username === '' ? '' : `${username}:${password}@`;
  return protocol === 'amqps:' ? `https://${login}${hostname}:15671` : `http://${login}${hostname}:15672`;
}
