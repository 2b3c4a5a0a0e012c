// A PostgreSQL server.

import pg from 'pg';
import { ComputeError } from '../common/errors.ts';
import type { Logger } from '../common/log.ts';
import { PLANNER, type Database, type Value } from './database.ts';
import { parameterOf } from './parameter.ts';
import { storageError } from './storage-error.ts';

/** Writes are batched, so a few connections carry all of them. */
const CONNECTIONS = 6;
const CONNECT_TIMEOUT_MS = 10_000;
const QUERY_TIMEOUT_MS = 60_000;
/** Any number, always the same: the lock that one service holds on its database. */
const LOCK = 7_245_001;

export class PostgresDatabase implements Database {
  readonly #pool: pg.Pool;
  readonly #holder: pg.Client;
  /** By its text, the name under which each connection prepares a statement when it first meets it. */
  readonly #names = new Map<string, string>();
  #closed: Promise<void> | undefined;

  private constructor(pool: pg.Pool, holder: pg.Client) {
    this.#pool = pool;
    this.#holder = holder;
  }

  static async open(url: string, log: Logger): Promise<PostgresDatabase> {
    const options = {
      connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, application_name: 'switchyard',
      options: Object.entries(PLANNER).map(([key, value]) => `-c ${key}=${value}`).join(' '),
    };
    const holder = new pg.Client(options);
    // Its end is told by whatever is asked next; without a listener it would end the process.
    holder.on('error', (err) => log.error({ err }, 'database connection was lost'));
    try {
      await holder.connect();
      const { rows } = await holder.query<{ held: boolean }>('select pg_try_advisory_lock($1) as held', [LOCK]);
      if (rows[0]?.held !== true) {
        throw new ComputeError('START_FAILED', `another service uses the database ${shown(url)}: stop it first`);
      }
    } catch (cause) {
      await holder.end().catch(() => { /* it was never there */ });
      if (cause instanceof ComputeError) throw cause;
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new ComputeError('START_FAILED', `cannot use the database ${shown(url)}: ${message}`, { cause });
    }
    const pool = new pg.Pool({ ...options, max: CONNECTIONS, query_timeout: QUERY_TIMEOUT_MS });
    pool.on('error', (err) => log.warn({ err }, 'database connection was lost'));
    return new PostgresDatabase(pool, holder);
  }

  async query<Row>(sql: string, values: readonly Value[] = []): Promise<Row[]> {
    const asked = await this.#ask({ name: this.#nameOf(sql), text: sql, values: values.map(parameterOf) });
    return asked.rows as Row[]; // the statement says what it selects
  }

  async script(sql: string): Promise<void> {
    await this.#ask({ text: `begin; ${sql}; commit` });
  }

  async tidy(): Promise<void> { /* the server's own cleaners do it */ }

  async reserve(): Promise<void> { /* the server refuses what it has no room for, and keeps the rest */ }

  #nameOf(sql: string): string {
    const known = this.#names.get(sql);
    if (known !== undefined) return known;
    const name = `s${this.#names.size}`;
    this.#names.set(sql, name);
    return name;
  }

  async #ask(statement: pg.QueryConfig): Promise<pg.QueryResult> {
    try {
      return await this.#pool.query(statement);
    } catch (cause) {
      throw storageError(cause);
    }
  }

  close(): Promise<void> {
    this.#closed ??= Promise.all([this.#pool.end(), this.#holder.end()]).then(() => { /* both are gone */ });
    return this.#closed;
  }
}

/** Without the password. */
function shown(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}
