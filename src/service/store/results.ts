import type { Database } from '../database.ts';

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
  readonly stream: boolean;
  /** False: the task had its result already, and that one counts. */
  readonly fresh: boolean;
}

interface StoredRow {
  readonly id: string; readonly sender: string; readonly task_group: string; readonly owner: string;
  readonly stream: boolean; readonly fresh: boolean;
}

export class ResultStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The first result of a task is kept. In the order of `results`; undefined for those of no task of their sender. */
  async add(results: readonly ArrivedResult[]): Promise<(StoredResult | undefined)[]> {
    const rows = await this.#database.query<StoredRow>(
      `with arrived as (
        select distinct on (id) id, sender, message, completed
          from unnest($1::uuid[], $2::uuid[], $3::text[], $4::double precision[])
            with ordinality as one (id, sender, message, completed, place)
          order by id, place
      ), known as (
        select arrived.*, submission.task_group, submission.owner
          from arrived join task on task.id = arrived.id
          join submission on submission.id = task.submission and submission.target = arrived.sender
      ), added as (
        insert into result (task, completed, message) select id, completed, message from known
          on conflict (task) do nothing returning task
      )
      select known.id, known.sender, task_group, known.owner, coalesce(stream, false) as stream,
          added.task is not null as fresh
        from known left join task_group on task_group.id = known.task_group left join added on added.task = known.id`,
      [results.map(({ task }) => task), results.map(({ sender }) => sender), results.map(({ message }) => message),
        results.map(({ completedS }) => completedS)],
    );
    const found = new Map(rows.map((row) => [row.id, row]));
    return results.map(({ task, sender }) => {
      const row = found.get(task);
      if (row?.sender !== sender) return undefined;
      const { task_group: taskGroup, owner, stream, fresh } = row;
      // Of two results of one task in one write, the first is the one that was kept.
      if (fresh) found.set(task, { ...row, fresh: false });
      return { task, taskGroup, owner, stream, fresh };
    });
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
