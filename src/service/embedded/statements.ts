// Statements that are prepared once and then only carried out: most of a small statement's time is PostgreSQL's reading
// and planning of it.

import { protocol, types, type PGlite } from '@electric-sql/pglite';
import type { Value } from '../database.ts';
import { parameterOf } from '../parameter.ts';

const { serialize, messages: { DataRowMessage, RowDescriptionMessage } } = protocol;

type Row = Readonly<Record<string, unknown>>;
type Reply = Awaited<ReturnType<PGlite['execProtocol']>>['messages'][number];

interface Prepared {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly read: (text: string) => unknown }[];
}

const NUMBERS: ReadonlySet<number> = new Set([types.INT2, types.INT4, types.INT8, types.FLOAT4, types.FLOAT8]);

/** There is a fixed number of statements, so all of them are kept. One at a time: it has one connection. */
export class Statements {
  readonly #lite: PGlite;
  readonly #prepared = new Map<string, Prepared>();

  constructor(lite: PGlite) {
    this.#lite = lite;
  }

  /** Throws what PostgreSQL says, with its `code`. */
  async run(sql: string, values: readonly Value[]): Promise<Row[]> {
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

function readerOf(type: number): (text: string) => unknown {
  if (NUMBERS.has(type)) return Number;
  return type === types.BOOL ? (text) => text === 't' : (text) => text;
}
