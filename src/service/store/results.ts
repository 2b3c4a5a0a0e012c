import type { Database } from '../database.ts';
import type { StreamKind } from './tasks.ts';

/** A result on its way into the database. */
export interface ArrivedResult {
  readonly task: string;
  /** Whoever sent it: only the task's own endpoint may. */
  readonly sender: string;
  /** The message's text. */
  readonly message: string;
  readonly completedS: number;
}

/** Where a stored result has to go. */
export interface StoredResult {
  readonly task: string;
  readonly taskGroup: string;
  readonly owner: string;
  readonly stream: StreamKind;
  /** False: the task had its result already, and that one counts. */
  readonly fresh: boolean;
}

interface StoredRow {
  readonly ids: string; readonly sender: string; readonly task_group: string; readonly owner: string;
  readonly stream: StreamKind; readonly fresh: boolean;
}

export class ResultStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The first result of a task is kept. In the order of `results`; undefined for those of no task of their sender. */
  async add(results: readonly ArrivedResult[]): Promise<(StoredResult | undefined)[]> {
    const firsts = new Map<string, ArrivedResult>();
    for (const one of results) if (!firsts.has(keyOf(one))) firsts.set(keyOf(one), one);
    const arrived = [...firsts.values()];
    // `is not distinct from` is no way into the table: there may be many submissions to one endpoint.
    // What was added is asked for in a subquery: joined, it would be read once for each result. Rows are grouped,
    // because reading each costs as much as adding it.
    const rows = await this.#database.query<StoredRow>(
      `with known as (
        select arrived.*, submission.task_group, submission.owner
          from unnest($1::uuid[], $2::uuid[], $3::text[], $4::double precision[])
            as arrived (id, sender, message, completed)
          join task on task.id = arrived.id
          join submission on submission.id = task.submission and submission.target is not distinct from arrived.sender
      ), added as (
        insert into result (task, completed, message) select id, completed, message from known
          on conflict (task) do nothing returning task
      )
      select string_agg(known.id::text, ',') as ids, known.sender, known.task_group, known.owner,
          coalesce(stream, 'none') as stream, known.id in (select task from added) as fresh
        from known left join task_group on task_group.id = known.task_group group by 2, 3, 4, 5, 6`,
      [arrived.map(({ task }) => task), arrived.map(({ sender }) => sender), arrived.map(({ message }) => message),
        arrived.map(({ completedS }) => completedS)],
    );
    const found = new Map(rows.flatMap((row) => row.ids.split(',').map((id) => [id, row] as const)));
    return results.map((result) => {
      const { task, sender } = result;
      const row = found.get(task);
      if (row?.sender !== sender) return undefined;
      const { task_group: taskGroup, owner, stream } = row;
      // Of two results of one task in one write, the first is the one that was kept.
      return { task, taskGroup, owner, stream, fresh: row.fresh && firsts.get(keyOf(result)) === result };
    });
  }

  /** First results of tasks that are stored, from whoever was to run them. */
  async addFirst(results: readonly ArrivedResult[]): Promise<void> {
    await this.#database.query(
      `insert into result (task, completed, message)
        select * from unnest($1::uuid[], $2::double precision[], $3::text[]) on conflict (task) do nothing`,
      [results.map(({ task }) => task), results.map(({ completedS }) => completedS),
        results.map(({ message }) => message)],
    );
  }

  async message(task: string): Promise<string | undefined> {
    const [row] = await this.#database.query<{ message: string }>('select message from result where task = $1', [task]);
    return row?.message;
  }

  /** Unfinished tasks that `target` was to run, at most so many. */
  async openTasks(target: string, most: number): Promise<string[]> {
    const rows = await this.#database.query<{ id: string }>(
      `select task.id from task join submission on submission.id = task.submission
        where submission.target = $1 and not exists (select 1 from result where result.task = task.id) limit $2`,
      [target, most],
    );
    return rows.map(({ id }) => id);
  }

  async hasOpenTasks(target: string): Promise<boolean> {
    return (await this.openTasks(target, 1)).length > 0;
  }
}

function keyOf({ task, sender }: ArrivedResult): string {
  return task + sender;
}
