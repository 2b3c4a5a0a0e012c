// PGlite, which is PostgreSQL as a library: opened so that what it has answered is on the disk, and asked by statements
// that are prepared once. Most of a small statement's time is PostgreSQL's reading and planning of it.

import { fsyncSync } from 'node:fs';
import { PGlite, protocol, types } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import { PLANNER, type Value } from '../database.ts';
import { parameterOf } from '../parameter.ts';

const { serialize, messages: { DataRowMessage, RowDescriptionMessage } } = protocol;

const SETTINGS: Readonly<Record<string, string>> = {
  ...PLANNER,
  search_path: 'public', exit_on_error: 'false', log_checkpoints: 'false', max_worker_processes: '0',
  max_parallel_workers: '0', max_parallel_workers_per_gather: '0', max_parallel_maintenance_workers: '0',
  io_method: 'sync', fsync: 'on', wal_sync_method: 'fsync', max_wal_size: '96MB', min_wal_size: '32MB',
};
const NUMBERS: ReadonlySet<number> = new Set([types.INT2, types.INT4, types.INT8, types.FLOAT4, types.FLOAT8]);

type Row = Readonly<Record<string, unknown>>;
type Reply = Awaited<ReturnType<PGlite['execProtocol']>>['messages'][number];

interface Prepared {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly read: (text: string) => unknown }[];
}

/** It has one connection: one question at a time. Failures are thrown as PostgreSQL says them, with its `code`. */
export class Lite {
  readonly #lite: PGlite;
  /** There is a fixed number of statements, so all of them are kept. */
  readonly #prepared = new Map<string, Prepared>();

  private constructor(lite: PGlite) {
    this.#lite = lite;
  }

  static async open(directory: string): Promise<Lite> {
    const settings = Object.entries(SETTINGS).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    return new Lite(await PGlite.create({
      fs: new SyncedFiles(directory), startParams: ['--single', '-O', '-j', ...settings],
    }));
  }

  async query(sql: string, values: readonly Value[]): Promise<Row[]> {
    const { name, columns } = this.#prepared.get(sql) ?? await this.#prepare(sql);
    const replies = await this.#exchange(
      serialize.bind({ statement: name, values: values.map(parameterOf) }), serialize.execute({}), serialize.sync(),
    );
    return replies.filter((reply) => reply instanceof DataRowMessage).map(({ fields }) =>
      Object.fromEntries(columns.map((column, i) => {
        const text = fields[i] ?? null;
        return [column.name, text === null ? null : column.read(text)];
      })));
  }

  /** Statements without values, all of them or none. */
  async script(sql: string): Promise<void> {
    await this.#lite.transaction((transaction) => transaction.exec(sql));
  }

  async tidy(): Promise<void> {
    await this.#lite.exec('vacuum (analyze)');
    await this.checkpoint();
  }

  async checkpoint(): Promise<void> {
    await this.#lite.exec('checkpoint');
  }

  async close(): Promise<void> {
    await this.#lite.close();
  }

  async #prepare(sql: string): Promise<Prepared> {
    const name = `s${this.#prepared.size}`;
    const replies = await this.#exchange(
      serialize.parse({ name, text: sql }), serialize.describe({ type: 'S', name }), serialize.sync(),
    );
    const fields = replies.find((reply) => reply instanceof RowDescriptionMessage)?.fields ?? [];
    const prepared = { name, columns: fields.map((field) => ({ name: field.name, read: readerOf(field.dataTypeID) })) };
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  async #exchange(...parts: readonly Uint8Array[]): Promise<readonly Reply[]> {
    return (await this.#lite.execProtocol(Buffer.concat(parts))).messages;
  }
}

/**
 * The package's own file system never syncs. With this one a statement that has been answered survives the loss of the
 * machine's power, as with any PostgreSQL.
 */
class SyncedFiles extends NodeFS {
  override async init(...given: Parameters<NodeFS['init']>): Promise<Awaited<ReturnType<NodeFS['init']>>> {
    const prepared = await super.init(...given);
    prepared.emscriptenOpts.preRun?.push((module) => {
      // What the package's types leave out: the operations on open files, which know the number of the real file.
      const files = module.NODEFS as unknown as { stream_ops: { fsync: (stream: { nfd: number }) => number } };
      files.stream_ops.fsync = ({ nfd }) => {
        fsyncSync(nfd);
        return 0;
      };
    });
    return prepared;
  }
}

function readerOf(type: number): (text: string) => unknown {
  if (NUMBERS.has(type)) return Number;
  return type === types.BOOL ? (text) => text === 't' : (text) => text;
}
