// Results from endpoints → the database and whoever waits. A result is acknowledged only when it is stored and passed
// on, so it may come twice, and the first counts. What a client could not read never gets that far.

import { backOffMs } from '../amqp/back-off.ts';
import type { Delivery } from '../amqp/consumer.ts';
import { decodeMessage, type ResultMessage } from '../amqp/messages.ts';
import { publishedWith } from '../amqp/names.ts';
import { RESULT_BYTES_MAX } from '../common/api.ts';
import type { Clock } from '../common/clock.ts';
import { isJsonObject, parseJson, type Json } from '../common/json.ts';
import type { Logger } from '../common/log.ts';
import { Batcher, isAboutValues } from './batcher.ts';
import type { OpenTasks } from './open-tasks.ts';
import type { ArrivedResult, ResultStore, StoredResult } from './store/results.ts';
import { storedResult, wireResult, type Streams, type WireResult } from './streams.ts';
import type { TaskGroups } from './task-groups.ts';

export interface ResultDeps {
  readonly store: Pick<ResultStore, 'add' | 'addFirst' | 'message'>;
  readonly streams: Pick<Streams, 'forward'>;
  readonly groups: Pick<TaskGroups, 'streamOf'>;
  readonly openTasks: OpenTasks;
  readonly clock: Clock;
  readonly log: Logger;
}

const BATCH_MAX = 2_000;
const BATCH_CHARS_MAX = 24 * 1024 * 1024;
/** Who waits for a result has it from its stream: storing it is not urgent, and costs less the more there are. */
const STORE_DELAY_MS = 100;
/** A client that has a result from its stream may ask for the task's state at once. */
const WRITTEN_WAIT_MS = 2_000;
/** What the escapes of its identifiers and line ends may add. */
const RESULT_SLACK = 4096;

/** A result as it will be stored, and who sent it. */
interface Readable extends WireResult {
  readonly sender: string;
}

export class Results {
  readonly #deps: ResultDeps;
  readonly #closing = new AbortController();
  /** Of these only the database knows whether they are what they should be. */
  readonly #writes: Batcher<ArrivedResult, StoredResult | undefined>;
  /** First results of tasks that this process has stored: no question is left. */
  readonly #firsts: Batcher<ArrivedResult, undefined>;
  readonly #working = new Set<Promise<void>>();
  /** By task, the last of its results that is being stored. */
  readonly #storing = new Map<string, Promise<boolean>>();

  constructor(deps: ResultDeps) {
    this.#deps = deps;
    const limits = {
      sizeOf: ({ message }: ArrivedResult) => message.length, itemsMax: BATCH_MAX, sizeMax: BATCH_CHARS_MAX,
      isItemsFault: isAboutValues, delayMs: STORE_DELAY_MS,
    };
    this.#writes = new Batcher({ ...limits, write: (results) => deps.store.add(results) });
    this.#firsts = new Batcher({
      ...limits, write: async (results) => {
        await deps.store.addFirst(results);
        return results.map(() => undefined);
      },
    });
  }

  onDelivery(delivery: Delivery): void {
    const done = this.#take(delivery).finally(() => this.#working.delete(done));
    this.#working.add(done);
  }

  /** The service itself ends tasks that nobody will run: as if `sender` had said so. */
  async fail(tasks: readonly string[], sender: string, code: string, text: string): Promise<void> {
    await Promise.all(tasks.map((task) => this.#settle({ sender, ...wireResult(failureOf(task, code, text)) })));
  }

  /** Waits until what is known of these tasks' results can be read in the database; not for long if it cannot. */
  async written(tasks: readonly string[]): Promise<void> {
    const storing = tasks.flatMap((task) => this.#storing.get(task) ?? []);
    if (storing.length === 0) return;
    this.#writes.hurry();
    this.#firsts.hurry();
    const enough = new AbortController();
    await Promise.race([Promise.all(storing), this.#deps.clock.sleep(WRITTEN_WAIT_MS, enough.signal)]);
    enough.abort();
  }

  /** Waits for those in hand; what cannot be stored goes back to the broker. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#working);
  }

  async #take(delivery: Delivery): Promise<void> {
    const stored = await Promise.all(this.#read(delivery).map((one) => this.#inTurn(one)));
    if (stored.every(Boolean)) delivery.ack();
    else delivery.reject({ requeue: true });
  }

  /** A task's results one after the other, as they came. */
  #inTurn(readable: Readable): Promise<boolean> {
    const { taskId: task } = readable.message;
    const before = this.#storing.get(task);
    const stored = before === undefined ? this.#stored(readable) : before.then(() => this.#stored(readable));
    this.#storing.set(task, stored);
    void stored.then(() => { if (this.#storing.get(task) === stored) this.#storing.delete(task); });
    return stored;
  }

  /** False when the service ended before that was possible. */
  async #stored(readable: Readable): Promise<boolean> {
    const { log, clock } = this.#deps;
    for (let attempt = 0; !this.#closing.signal.aborted || attempt === 0; attempt++) {
      try {
        await this.#settle(readable);
        return true;
      } catch (err) {
        const ms = backOffMs(attempt);
        const { taskId: task } = readable.message;
        log.warn({ err, task, ms: Math.round(ms) }, 'result could not be stored and will be again');
        await clock.sleep(ms, this.#closing.signal);
      }
    }
    return false;
  }

  /** What is to be stored: results as they are, or readable ones in their place; none for what says nothing. */
  #read({ body, routingKey }: Delivery): Readable[] {
    const published = publishedWith(routingKey);
    const sender = published?.endpoint;
    const message = decodeMessage(body);
    if (sender !== undefined && message.type === 'result') {
      const asItCame = { message, text: body.toString('utf8', 1), published };
      return [{ sender, ...isTooLarge(message) ? oversized(message) : asItCame }];
    }
    if (sender !== undefined && message.type === 'result_bundle') {
      return message.results.map((one) => (
        { sender, ...isTooLarge(one) ? oversized(one) : { ...wireResult(one), published } }));
    }
    const tasks = message.type === 'refused' ? tasksNamedIn(body) : [];
    const why = message.type === 'refused' ? message.text : `a message of type ${message.type}`;
    this.#deps.log.warn({ endpoint: sender, tasks, why }, 'result could not be read');
    if (sender === undefined) return [];
    const text = `The endpoint's result could not be read: ${why}`;
    return tasks.map((task) => ({ sender, ...wireResult(failureOf(task, 'RESULT_UNREADABLE', text)) }));
  }

  async #settle({ sender, ...result }: Readable): Promise<void> {
    const { clock, groups, openTasks, streams } = this.#deps;
    const { message: { taskId: task }, text } = result;
    const row = { task, sender, message: text, completedS: clock.now() / 1000 };
    const open = openTasks.claim(task, sender);
    if (open === undefined) {
      await this.#forwardStored(await this.#writes.add(row), result, row);
      return;
    }
    const stream = groups.streamOf(open.taskGroup);
    if (stream === undefined) {
      await open.stored.catch(ignored);
      await this.#forwardStored(await this.#writes.add(row), result, row);
      return;
    }
    // Whether the task itself was stored after all, where that failed, the database knows best.
    const stored = open.stored.then(() => this.#firsts.add(row), () => this.#writes.add(row));
    // The first result of a task is the one that will be stored: who waits for it need not wait for that.
    const { owner, taskGroup } = open;
    await Promise.all([streams.forward({ task, owner, taskGroup, stream }, result), stored]);
  }

  /** Whom it is for, the database has said. */
  async #forwardStored(
    stored: StoredResult | undefined, result: WireResult, { task, sender }: ArrivedResult,
  ): Promise<void> {
    const { store, streams, log } = this.#deps;
    if (stored === undefined) {
      log.warn({ task, endpoint: sender }, 'result of no task of this endpoint was dropped');
      return;
    }
    if (stored.stream === 'none') return;
    // Of a result that came before, nobody knows whether it was passed on: clients can be told twice, not never.
    const first = stored.fresh ? undefined : await store.message(task);
    await streams.forward(stored, first === undefined ? result : storedResult(first) ?? result);
  }
}

function ignored(): void { /* whoever asked for it is told */ }

function isTooLarge({ data }: ResultMessage): boolean {
  return data.length > RESULT_BYTES_MAX + RESULT_SLACK;
}

function failureOf(taskId: string, code: string, text: string): ResultMessage {
  return {
    type: 'result', taskId, data: text, details: undefined, error: { code, userMessage: text }, transitions: undefined,
  };
}

/** As the field's workers word it, whose part it would have been to refuse this. */
function oversized({ taskId, data, details, transitions }: ResultMessage): WireResult {
  const text = `MaxResultSizeExceeded(${data.length}, ${RESULT_BYTES_MAX})`;
  const error = { code: 'MaxResultSizeExceeded', userMessage: `remote error: ${text}` };
  return wireResult({ type: 'result', taskId, data: text, details, error, transitions });
}

/** The tasks that an unreadable message is about, if that much can be read. */
function tasksNamedIn(body: Uint8Array): string[] {
  try {
    const envelope: Json = parseJson(Buffer.from(body.subarray(1)).toString('utf8'));
    const data = isJsonObject(envelope) ? envelope['data'] : undefined;
    if (!isJsonObject(data)) return [];
    const bundle = data['results'];
    return (Array.isArray(bundle) ? bundle as readonly Json[] : [data]).flatMap((one) => {
      const id = isJsonObject(one) ? one['task_id'] : undefined;
      return typeof id === 'string' && UUID.test(id) ? [id.toLowerCase()] : [];
    });
  } catch {
    return []; // not even that
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
