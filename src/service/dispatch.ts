// Tasks → their endpoint's queue. A submission is on its way there while it is being stored, and is marked when it is
// stored and the broker has confirmed all of its tasks; whatever is not marked when the service starts is sent again.

import { backOffMs } from '../amqp/back-off.ts';
import { bundled, type TaskBundle } from '../amqp/bundles.ts';
import type { Clock } from '../common/clock.ts';
import { isJsonObject, parseJson, type JsonObject } from '../common/json.ts';
import type { Logger } from '../common/log.ts';
import { markBatcher, type Batcher } from './batcher.ts';
import { reasonOf, type Courier, type OutgoingTask } from './courier.ts';
import { takesBundles } from './endpoints.ts';
import type { Results } from './results.ts';
import type { Store } from './store.ts';
import type { Submission } from './store/tasks.ts';

export interface DispatchDeps {
  readonly store: Store;
  readonly courier: Courier;
  readonly results: Results;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A submission that is complete in memory, or one that has to be read first. */
interface Waiting {
  readonly id: string;
  readonly size: number;
  readonly loaded: (Sendable & { readonly submission: Submission }) | undefined;
  /** Whether it was stored. */
  readonly stored: Promise<boolean>;
}

/** What there is to know about a submission before it can be sent. */
export interface Sendable {
  /** Of its functions. */
  readonly codes: ReadonlyMap<string, string>;
  /** Its endpoint takes several tasks in one message. */
  readonly bundles: boolean;
  /** The task group to whose stream the results can go straight. */
  readonly straightTo: string | undefined;
}

/** So much is kept in memory while the broker is slow; the rest is read again when its turn comes. */
const LOADED_CHARS_MAX = 64 * 1024 * 1024;
const SENDING_CHARS_MAX = 64 * 1024 * 1024;
const SENDING_MAX = 64;

export class Dispatcher {
  readonly #deps: DispatchDeps;
  readonly #closing = new AbortController();
  readonly #onClose = new Set<() => void>();
  readonly #published: Batcher<string, undefined>;
  readonly #sending = new Set<Promise<void>>();
  #waiting: Waiting[] = [];
  #loadedChars = 0;
  #sendingChars = 0;

  constructor(deps: DispatchDeps) {
    this.#deps = deps;
    this.#published = markBatcher((ids) => deps.store.tasks.markPublished(ids));
  }

  /** What an earlier run has accepted and not sent. */
  async recover(): Promise<void> {
    const ids = await this.#deps.store.tasks.unpublished();
    if (ids.length > 0) this.#deps.log.info({ count: ids.length }, 'submissions of an earlier run are sent');
    this.#waiting.push(...ids.map((id) => ({ id, size: 0, loaded: undefined, stored: Promise.resolve(true) })));
    this.#pump();
  }

  /** `written`: its rows are. Until then it may be refused after all, and what has been sent of it was for nothing. */
  add(submission: Submission, sendable: Sendable, written: Promise<unknown>): void {
    const { codes } = sendable;
    const stored = written.then(() => true, () => false);
    const size = submission.tasks.reduce(
      (sum, task) => sum + task.payload.length + (codes.get(task.function)?.length ?? 0), 0,
    );
    const keep = this.#loadedChars + size <= LOADED_CHARS_MAX;
    if (keep) this.#loadedChars += size;
    this.#waiting.push({ id: submission.id, size, loaded: keep ? { submission, ...sendable } : undefined, stored });
    this.#pump();
  }

  /** What is not confirmed then is sent again by the next run. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const end of this.#onClose) end();
    await Promise.all(this.#sending);
    await this.#published.idle();
  }

  #pump(): void {
    while (
      this.#sending.size < SENDING_MAX && this.#sendingChars < SENDING_CHARS_MAX && !this.#closing.signal.aborted
    ) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (next.loaded !== undefined) this.#loadedChars -= next.size;
      this.#sendingChars += next.size;
      const sent = this.#send(next).finally(() => {
        this.#sending.delete(sent);
        this.#sendingChars -= next.size;
        this.#pump();
      });
      this.#sending.add(sent);
    }
  }

  /** Goes on until it is sent or the service ends; never rejects. */
  async #send(waiting: Waiting): Promise<void> {
    const { clock, log } = this.#deps;
    const sent = new Set<string>();
    for (let attempt = 0; !this.#closing.signal.aborted; attempt++) {
      try {
        // Only a first attempt does not wait for the database.
        if ((attempt > 0 || waiting.loaded === undefined) && !await waiting.stored) return;
        const { submission, ...sendable } = waiting.loaded ?? await this.#load(waiting.id);
        if (submission !== undefined) await this.#publish(submission, sendable, sent);
        if (await waiting.stored) await this.#published.add(waiting.id);
        return;
      } catch (err) {
        if (this.#closing.signal.aborted) return;
        const ms = backOffMs(attempt);
        log.warn({ err, submission: waiting.id, ms: Math.round(ms) }, 'tasks could not be sent and will be again');
        await clock.sleep(ms, this.#closing.signal);
      }
    }
  }

  async #load(id: string): Promise<Sendable & { submission: Submission | undefined }> {
    const { tasks, functions, endpoints } = this.#deps.store;
    const submission = await tasks.load(id);
    if (submission === undefined) return { submission, codes: new Map(), bundles: false, straightTo: undefined };
    const endpoint = await endpoints.find(submission.endpoint);
    const ids = [...new Set(submission.tasks.map((task) => task.function))];
    const bundles = endpoint !== undefined && takesBundles(endpoint);
    return { submission, codes: await functions.codes(ids), bundles, straightTo: undefined };
  }

  /** `sent` keeps what the broker has confirmed, over all attempts. */
  async #publish(submission: Submission, sendable: Sendable, sent: Set<string>): Promise<void> {
    const unsent = submission.tasks.filter(({ id }) => !sent.has(id));
    const messages = messagesOf({ ...submission, tasks: unsent }, sendable);
    const sending = Promise.allSettled(messages.map(async (message) => {
      await this.#deliver(submission.target, message);
      for (const { taskId } of message.type === 'task_bundle' ? message.tasks : [message]) sent.add(taskId);
    }));
    const outcomes = await this.#beforeClose(sending);
    const failures = outcomes.flatMap((outcome) => outcome.status === 'rejected' ? [outcome.reason as unknown] : []);
    if (failures.some((failure) => reasonOf(failure) === 'unroutable')) await this.#reopen(submission, sent);
    if (failures.length > 0) throw failures[0];
  }

  async #deliver(target: string, message: TaskBundle | SingleTask): Promise<void> {
    const { courier } = this.#deps;
    await (message.type === 'task_bundle' ? courier.publishTaskBundle(target, message)
      : courier.publishTask(target, message));
  }

  async #beforeClose<T>(promise: Promise<T>): Promise<T> {
    let onClose = (): void => { /* set before anybody can call it */ };
    const closed = new Promise<never>((_, reject) => {
      onClose = () => reject(new Error('the service ended before the broker had all tasks'));
    });
    this.#onClose.add(onClose);
    try {
      return await Promise.race([promise, closed]);
    } finally {
      this.#onClose.delete(onClose);
    }
  }

  /** The queue is gone: with its endpoint, or because nobody used it for long. */
  async #reopen(submission: Submission, sent: Set<string>): Promise<void> {
    const { store, courier, results } = this.#deps;
    const { endpoint, target, tasks } = submission;
    const served = target === endpoint ? await store.endpoints.find(endpoint) : await store.endpoints.child(target);
    if (served !== undefined) {
      await courier.declareTasks(target);
      return;
    }
    const lost = tasks.filter(({ id }) => !sent.has(id)).map(({ id }) => id);
    await results.fail(lost, target, 'ENDPOINT_DELETED', `Endpoint ${endpoint} was deleted before the task ran`);
    for (const id of lost) sent.add(id);
  }
}

interface SingleTask extends OutgoingTask { readonly type: 'task' }

/** Tasks of one function share messages where their endpoint reads that. */
function messagesOf(submission: Submission, { codes, bundles, straightTo }: Sendable): (TaskBundle | SingleTask)[] {
  const { resources, serializers: resultSerializers } = submission;
  const resourceSpecification = resources === null ? undefined : objectIn(resources);
  const together = bundles ? bundled(submission.tasks, (task) => task.function, ({ payload }) => payload.length)
    : submission.tasks.map((task) => [task]);
  return together.flatMap((some): (TaskBundle | SingleTask)[] => {
    const [first] = some;
    if (first === undefined) return [];
    const { id, function: functionId, payload } = first;
    const code = codes.get(functionId) ?? '';
    const shared = { functionId, resourceSpecification, resultSerializers, straightTo };
    if (some.length === 1) return [{ type: 'task', ...shared, taskId: id, buffer: code + payload }];
    const tasks = some.map((task) => ({ taskId: task.id, payload: task.payload }));
    return [{ type: 'task_bundle', ...shared, code, tasks }];
  });
}

function objectIn(text: string): JsonObject | undefined {
  const value = parseJson(text);
  return isJsonObject(value) ? value : undefined;
}
