import type { Database } from '../database.ts';

/** How a task group's results reach whoever reads its stream: not at all, each in a message, or several in one. */
export type StreamKind = 'none' | 'single' | 'bundles';

/** One request's tasks, as accepted. */
export interface Submission {
  readonly id: string;
  readonly taskGroup: string;
  readonly owner: string;
  /** What the client named. */
  readonly endpoint: string;
  /** Whose queue the tasks go to: the same, or a user endpoint below it. */
  readonly target: string;
  /** JSON; null: none. */
  readonly resources: string | null;
  readonly serializers: readonly string[];
  /** Tells a request that is sent again. */
  readonly digest: string;
  readonly createdS: number;
  readonly tasks: readonly SubmittedTask[];
}

export interface SubmittedTask {
  readonly id: string;
  readonly function: string;
  readonly payload: string;
}

/** What there is to say about one task. */
export interface TaskRecord {
  readonly id: string;
  readonly published: boolean;
  readonly endpoint: string;
  /** The result message's text and when it came; null while there is none. */
  readonly message: string | null;
  readonly completed: number | null;
}

interface SubmissionRow {
  readonly id: string; readonly task_group: string; readonly owner: string; readonly endpoint: string;
  readonly target: string; readonly resources: string | null; readonly serializers: string; readonly digest: string;
  readonly created: number;
}

interface TaskRow { readonly id: string; readonly function: string; readonly payload: string }

const SUBMISSION = 'id, task_group, owner, endpoint, target, resources, serializers, digest, created';

/** What a row costs beside its payload. */
const ROW_BYTES = 200;

export class TaskStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async addGroup(id: string, owner: string, stream: StreamKind, nowS: number): Promise<void> {
    await this.#database.query('insert into task_group (id, owner, stream, created) values ($1, $2, $3, $4)',
      [id, owner, stream, nowS]);
  }

  async group(id: string): Promise<{ readonly owner: string; readonly stream: StreamKind } | undefined> {
    const [row] = await this.#database.query<{ owner: string; stream: StreamKind }>(
      'select owner, stream from task_group where id = $1', [id],
    );
    return row;
  }

  /**
   * From now on its results go to a stream as well. One reader that takes single messages only decides it for all of
   * the group: the others read those too.
   */
  async openStream(group: string, stream: StreamKind): Promise<void> {
    await this.#database.query(
      `update task_group set stream = $2 where id = $1 and (stream = 'none' or (stream = 'bundles' and $2 = 'single'))`,
      [group, stream],
    );
  }

  /** In the order of their submission. */
  async groupTasks(group: string): Promise<{ readonly id: string; readonly created: number }[]> {
    return await this.#database.query(
      `select task.id, submission.created from task join submission on submission.id = task.submission
        where submission.task_group = $1 order by submission.created, submission.id, task.place`, [group],
    );
  }

  /** Throws STORAGE_FAILED with `details.reason` 'full' when there is no room for it. */
  async reserve(submission: Submission): Promise<void> {
    await this.#database.reserve(charsOf(submission));
  }

  /** All of them or none. */
  async add(submissions: readonly Submission[]): Promise<void> {
    const tasks = submissions.flatMap(
      ({ id, tasks: own }) => own.map((task, place) => ({ ...task, submission: id, place })),
    );
    const payloads = tasks.map(({ payload }) => JSON.stringify(payload));
    await this.#database.reserve(payloads.reduce((sum, payload) => sum + payload.length + ROW_BYTES, 0));
    await this.#database.query(
      `with added as (
        insert into submission (${SUBMISSION})
          select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
            $8::text[], $9::double precision[])
      )
      insert into task (id, submission, function, place, payload)
        select * from unnest($10::uuid[], $11::uuid[], $12::uuid[], $13::integer[], $14::text[])`,
      [submissions.map((s) => s.id), submissions.map((s) => s.taskGroup), submissions.map((s) => s.owner),
        submissions.map((s) => s.endpoint), submissions.map((s) => s.target), submissions.map((s) => s.resources),
        submissions.map((s) => JSON.stringify(s.serializers)), submissions.map((s) => s.digest),
        submissions.map((s) => s.createdS), tasks.map((t) => t.id), tasks.map((t) => t.submission),
        tasks.map((t) => t.function), tasks.map((t) => t.place), payloads],
    );
  }

  /** Submissions that the broker has; their tasks need no sending. */
  async markPublished(ids: readonly string[]): Promise<void> {
    await this.#database.query('update submission set published = true where id = any($1::uuid[])', [ids]);
  }

  /** Submissions whose client has its answer: the same request is from now on another one. */
  async markAnswered(ids: readonly string[]): Promise<void> {
    await this.#database.query('update submission set answered = true where id = any($1::uuid[])', [ids]);
  }

  /** Digests of submissions whose client may not have its answer. */
  async unanswered(sinceS: number): Promise<string[]> {
    const rows = await this.#database.query<{ digest: string }>(
      'select digest from submission where created > $1 and not answered', [sinceS],
    );
    return rows.map(({ digest }) => digest);
  }

  /** In the order in which they came. */
  async unpublished(): Promise<string[]> {
    const rows = await this.#database.query<{ id: string }>(
      'select id from submission where not published order by created, id',
    );
    return rows.map(({ id }) => id);
  }

  /** A submission with those of its tasks that have no result yet. */
  async load(id: string): Promise<Submission | undefined> {
    const [row] = await this.#database.query<SubmissionRow>(`select ${SUBMISSION} from submission where id = $1`, [id]);
    if (row === undefined) return undefined;
    const tasks = await this.#database.query<TaskRow>(
      `select id, function, payload from task where submission = $1
        and not exists (select 1 from result where result.task = task.id) order by place`, [id],
    );
    return submissionOf(row, tasks);
  }

  /** The youngest submission of such a request; with `except`, only one that is not answered and not among these. */
  async repeated(owner: string, digest: string, except?: readonly string[]): Promise<Submission | undefined> {
    const [row] = await this.#database.query<SubmissionRow>(
      `select ${SUBMISSION} from submission where digest = $2 and owner = $1
        and (not answered and id <> all($3::uuid[]) or $4::boolean) order by created desc limit 1`,
      [owner, digest, except ?? [], except === undefined],
    );
    if (row === undefined) return undefined;
    const tasks = await this.#database.query<TaskRow>(
      `select id, function, '""' as payload from task where submission = $1 order by place`, [row.id],
    );
    return submissionOf(row, tasks);
  }

  /** Those of `ids` that are `owner`'s. */
  async records(owner: string, ids: readonly string[]): Promise<TaskRecord[]> {
    return await this.#database.query<TaskRecord>(
      `select task.id, published, endpoint, message, completed
        from task join submission on submission.id = task.submission left join result on result.task = task.id
        where task.id = any($1::uuid[]) and owner = $2`, [ids, owner],
    );
  }

  /** Forgets what is older than both times; the number of tasks that went. */
  async sweep(submittedBeforeS: number, completedBeforeS: number, most: number): Promise<number> {
    const rows = await this.#database.query(
      `with old as (
        select task.id from task join submission on submission.id = task.submission
          left join result on result.task = task.id
          where submission.created < $1 and coalesce(completed, 0) < $2 limit $3
      ), results as (delete from result using old where result.task = old.id)
      delete from task using old where task.id = old.id returning task.id`,
      [submittedBeforeS, completedBeforeS, most],
    );
    await this.#database.query(
      `delete from submission where created < $1
        and not exists (select 1 from task where task.submission = submission.id)`, [submittedBeforeS],
    );
    await this.#database.query(
      `delete from task_group where created < $1
        and not exists (select 1 from submission where submission.task_group = task_group.id)`, [submittedBeforeS],
    );
    return rows.length;
  }
}

/** What it takes in the database, about. */
export function charsOf({ tasks }: Submission): number {
  return tasks.reduce((sum, { payload }) => sum + payload.length + ROW_BYTES, 0);
}

function submissionOf(row: SubmissionRow, tasks: readonly TaskRow[]): Submission {
  return {
    id: row.id, taskGroup: row.task_group, owner: row.owner, endpoint: row.endpoint, target: row.target,
    // Written by `add`.
    resources: row.resources, serializers: JSON.parse(row.serializers) as string[], digest: row.digest,
    createdS: row.created,
    tasks: tasks.map(({ payload, ...task }) => ({ ...task, payload: JSON.parse(payload) as string })),
  };
}
