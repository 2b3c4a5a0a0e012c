import type { Logger } from '../common/log.ts';
import type { Database, DatabaseOptions } from './database.ts';
import { EmbeddedDatabase } from './embedded.ts';
import { PostgresDatabase } from './postgres.ts';

/** Throws START_FAILED or STORAGE_FAILED, saying what to do. */
export function openDatabase(options: DatabaseOptions, log: Logger): Promise<Database> {
  return options.url === null ? EmbeddedDatabase.open(options, log) : PostgresDatabase.open(options.url, log);
}
