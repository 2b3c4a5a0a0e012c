// A request's tasks: checked, stored, then on their way. Once it is stored it is never lost and never stored again.

import { createHash } from 'node:crypto';
import { PAYLOAD_BYTES_MAX, SUBMISSION_TASKS_MAX, type Submit, type Submitted } from '../common/api.ts';
import type { Clock } from '../common/clock.ts';
import { formatJson } from '../common/json.ts';
import type { Caller } from './auth.ts';
import { Batcher, isAboutValues, markBatcher } from './batcher.ts';
import type { Courier } from './courier.ts';
import type { Dispatcher } from './dispatch.ts';
import { takesBundles, type Endpoints } from './endpoints.ts';
import type { Functions } from './functions.ts';
import { newId } from './ids.ts';
import type { OpenTasks } from './open-tasks.ts';
import type { Policies } from './policies.ts';
import { Refusal, refuseTorn } from './refusal.ts';
import { Repeats } from './repeats.ts';
import type { Store } from './store.ts';
import type { StoredEndpoint } from './store/endpoints.ts';
import type { StoredFunction } from './store/functions.ts';
import { charsOf, type StreamKind, type Submission, type SubmittedTask } from './store/tasks.ts';
import type { TaskGroups } from './task-groups.ts';
import type { UserEndpoints } from './user-endpoints.ts';

export interface SubmissionDeps {
  readonly store: Store;
  readonly endpoints: Endpoints;
  readonly functions: Functions;
  readonly policies: Policies;
  readonly userEndpoints: UserEndpoints;
  readonly courier: Courier;
  readonly groups: TaskGroups;
  readonly openTasks: OpenTasks;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
}

export interface SubmitRequest {
  readonly endpoint: string;
  readonly identity: Caller;
  readonly body: Submit;
  /** The client's name for this request, if it has one. */
  readonly name: string | undefined;
  /** The client says that it has not sent a request of this name before. */
  readonly first: boolean;
  /** Aborts when the client goes away unanswered. */
  readonly gone: AbortSignal;
}

const WRITE_SUBMISSIONS_MAX = 256;
const WRITE_CHARS_MAX = 24 * 1024 * 1024;

export class Submissions {
  readonly #deps: SubmissionDeps;
  readonly #repeats: Repeats;
  readonly #writes: Batcher<Submission, undefined>;
  readonly #answered: Batcher<string, undefined>;

  constructor(deps: SubmissionDeps) {
    const { store: { tasks }, clock } = deps;
    this.#deps = deps;
    this.#repeats = new Repeats(tasks, clock);
    this.#writes = new Batcher({
      write: async (submissions) => {
        await tasks.add(submissions);
        return submissions.map(() => undefined);
      },
      sizeOf: charsOf, itemsMax: WRITE_SUBMISSIONS_MAX, sizeMax: WRITE_CHARS_MAX, isItemsFault: isAboutValues,
    });
    this.#answered = markBatcher((ids) => tasks.markAnswered(ids));
  }

  /** What an earlier run has accepted, and perhaps not answered. */
  async recover(): Promise<void> {
    await this.#repeats.recover();
  }

  /** The answer, and what to call when the client has it. */
  async accept(request: SubmitRequest): Promise<{ readonly answer: Submitted; readonly onAnswered: () => void }> {
    const { endpoint, identity: { id: owner }, body, name, first, gone } = request;
    const named = name !== undefined;
    const digest = createHash('sha256').update(
      JSON.stringify([owner, endpoint, named, name ?? formatJson({ ...body })]),
    )
      .digest('base64url');
    const submission = await this.#repeats.once({ owner, digest, named, first }, gone,
      (claim) => this.#accept(request, digest, claim));
    return {
      answer: answerOf(body, submission),
      onAnswered: () => {
        const marked = this.#answered.add(submission.id);
        // Not marked, the request might once more be taken for one that was not answered: no more than that.
        this.#repeats.answered(submission.id, marked).catch(() => { /* the database's failure shows elsewhere */ });
      },
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#writes.idle(), this.#answered.idle()]);
  }

  async #accept(
    { endpoint: id, identity, body }: SubmitRequest, digest: string, claim: (id: string) => void,
  ): Promise<Submission> {
    const { store: { tasks }, endpoints, functions, policies, groups, openTasks, dispatcher, clock } = this.#deps;
    const endpoint = await endpoints.usable(id, identity.id);
    await policies.enforce(endpoint, identity);
    const asked = Object.keys(body.tasks).map((one) => one.toLowerCase());
    const known = await functions.usable(asked, identity.id);
    checkAllowed(endpoint, asked);
    checkSizes(body, known);
    const taskGroup = await groups.join(body.task_group_id?.toLowerCase(), identity.id, streamOf(body));
    const target = await this.#target(endpoint, identity, body);
    const nowMs = clock.now();
    const submission: Submission = {
      id: newId(nowMs), taskGroup, owner: identity.id, endpoint: endpoint.id, target, digest, createdS: nowMs / 1000,
      resources: body.resource_specification ? formatJson(body.resource_specification) : null,
      serializers: body.result_serializers ?? [], tasks: tasksOf(body, nowMs),
    };
    const codes = new Map([...known].map(([one, { code }]) => [one, code]));
    await tasks.reserve(submission);
    claim(submission.id);
    const stored = this.#writes.add(submission);
    const bundles = takesBundles(endpoint);
    const straightTo = bundles && groups.streamOf(taskGroup) === 'bundles' ? taskGroup : undefined;
    const sendable = { codes, bundles, straightTo };
    // Where its results can be told from strangers' without the database, it is sent while it is being stored.
    if (!openTasks.add(submission, stored)) await stored;
    dispatcher.add(submission, sendable, stored);
    await stored;
    return submission;
  }

  async #target(endpoint: StoredEndpoint, identity: Caller, body: Submit): Promise<string> {
    const options = body.user_endpoint_config ?? {};
    if (endpoint.templated) {
      return await this.#deps.userEndpoints.target(endpoint, { identity, options, runtime: body.user_runtime ?? {} });
    }
    if (Object.keys(options).length > 0) {
      throw new Refusal('SEMANTICALLY_INVALID',
        `Request payload failed validation: endpoint ${endpoint.id} takes no user_endpoint_config`, [endpoint.id]);
    }
    await this.#deps.courier.declareTasks(endpoint.id);
    return endpoint.id;
  }
}

function streamOf({ create_queue: stream, result_bundles: bundles }: Submit): StreamKind {
  if (stream !== true) return 'none';
  return bundles === true ? 'bundles' : 'single';
}

function tasksOf({ tasks }: Submit, nowMs: number): SubmittedTask[] {
  return Object.entries(tasks).flatMap(([id, payloads]) =>
    payloads.map((payload) => ({ id: newId(nowMs), function: id.toLowerCase(), payload })));
}

/** Under the keys that the client used, in the order of its payloads. */
function answerOf(body: Submit, submission: Submission): Submitted {
  const byFunction = new Map<string, string[]>();
  for (const { id, function: of } of submission.tasks) {
    const ids = byFunction.get(of);
    if (ids === undefined) byFunction.set(of, [id]);
    else ids.push(id);
  }
  return {
    request_id: submission.id, task_group_id: submission.taskGroup, endpoint_id: submission.endpoint,
    tasks: Object.fromEntries(Object.keys(body.tasks).map((key) => [key, byFunction.get(key.toLowerCase()) ?? []])),
  };
}

function checkAllowed({ id, allowedFunctions }: StoredEndpoint, asked: readonly string[]): void {
  const forbidden = allowedFunctions === null ? undefined : asked.find((one) => !allowedFunctions.includes(one));
  if (forbidden === undefined) return;
  throw new Refusal('FUNCTION_NOT_PERMITTED', `Function ${forbidden} not permitted on endpoint ${id}`, [forbidden, id]);
}

function checkSizes({ tasks }: Submit, known: ReadonlyMap<string, StoredFunction>): void {
  let total = 0;
  let count = 0;
  for (const [id, payloads] of Object.entries(tasks)) {
    const code = Buffer.byteLength(known.get(id.toLowerCase())?.code ?? '');
    count += payloads.length;
    total += code;
    for (const payload of payloads) {
      refuseTorn('a payload', payload);
      const size = Buffer.byteLength(payload);
      total += size;
      if (code + size > PAYLOAD_BYTES_MAX) throw tooLarge('a task', code + size);
    }
  }
  if (total > PAYLOAD_BYTES_MAX) throw tooLarge('all tasks of a submission together', total);
  if (count > SUBMISSION_TASKS_MAX) {
    throw new Refusal(
      'BATCH_RUN_TOO_LARGE', `a submission may have ${SUBMISSION_TASKS_MAX} tasks; this one has ${count}`,
    );
  }
}

function tooLarge(what: string, bytes: number): Refusal {
  return new Refusal('TASK_PAYLOAD_TOO_LARGE',
    `function and arguments of ${what} may have ${PAYLOAD_BYTES_MAX} bytes; here they have ${bytes}`);
}
