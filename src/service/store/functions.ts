import type { Database } from '../database.ts';

export interface StoredFunction {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly code: string;
  readonly description: string | null;
  /** JSON. */
  readonly metadata: string;
  readonly isPublic: boolean;
}

interface FunctionRow {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly code: string;
  readonly description: string | null;
  readonly metadata: string;
  readonly public: boolean;
}

export class FunctionStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async add(one: StoredFunction, nowS: number): Promise<void> {
    await this.#database.reserve(one.code.length);
    await this.#database.query(
      `insert into function (id, owner, name, code, description, metadata, public, created)
        values ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [one.id, one.owner, JSON.stringify(one.name), JSON.stringify(one.code),
        one.description === null ? null : JSON.stringify(one.description), one.metadata, one.isPublic, nowS],
    );
  }

  /** Those of `ids` that are there. */
  async find(ids: readonly string[]): Promise<StoredFunction[]> {
    const rows = await this.#database.query<FunctionRow>(
      `select id, owner, name, code, description, metadata, public from function
        where id = any($1::uuid[]) and deleted is null`, [ids],
    );
    return rows.map(({ public: isPublic, name, code, description, ...row }) => ({
      ...row, isPublic, name: textOf(name), code: textOf(code), description: description === null ? null : textOf(
        description,
      ),
    }));
  }

  /** Of those that were removed as well: tasks that wait for them still run. */
  async codes(ids: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.#database.query<{ id: string; code: string }>(
      'select id, code from function where id = any($1::uuid[])', [ids],
    );
    return new Map(rows.map(({ id, code }) => [id, textOf(code)]));
  }

  /** False when it is not there, or not `owner`'s. Its code stays for the tasks that wait. */
  async remove(id: string, owner: string, nowS: number): Promise<boolean> {
    const rows = await this.#database.query(
      'update function set deleted = $3 where id = $1 and owner = $2 and deleted is null returning id', [
        id, owner, nowS,
      ],
    );
    return rows.length > 0;
  }

  /** Forgets what was removed before `beforeS` and no task needs. */
  async sweep(beforeS: number): Promise<void> {
    await this.#database.query(
      `delete from function where deleted < $1
        and not exists (select 1 from task where task.function = function.id)`, [beforeS],
    );
  }
}

/** What this file has written as JSON. */
function textOf(json: string): string {
  return JSON.parse(json) as string;
}
