// Results from endpoints → the database → whoever waits. A result is acknowledged only when it is stored and passed on,
// so it may come twice, and the first counts. What a client could not read never gets that far.

import { backOffMs } from '../amqp/back-off.ts';
import type { Delivery } from '../amqp/consumer.ts';
import { decodeMessage, encodeMessage, type ResultMessage } from '../amqp/messages.ts';
import { endpointOfKey } from '../amqp/names.ts';
import { RESULT_BYTES_MAX } from '../common/api.ts';
import type { Clock } from '../common/clock.ts';
import { isJsonObject, parseJson, type Json } from '../common/json.ts';
import type { Logger } from '../common/log.ts';
import { Batcher, isAboutValues } from './batcher.ts';
import type { Courier } from './courier.ts';
import type { ArrivedResult, ResultStore, StoredResult } from './store/results.ts';

export interface ResultDeps {
  readonly store: ResultStore;
  readonly courier: Courier;
  readonly clock: Clock;
  readonly log: Logger;
}

const BATCH_MAX = 2_000;
const BATCH_CHARS_MAX = 24 * 1024 * 1024;
/** What the escapes of its identifiers and line ends may add. */
const RESULT_SLACK = 4096;
const VERSION = Buffer.from([1]);

/** A result as it will be stored, and who sent it. */
interface Readable {
  readonly sender: string;
  readonly task: string;
  readonly body: Buffer;
}

export class Results {
  readonly #deps: ResultDeps;
  readonly #closing = new AbortController();
  readonly #writes: Batcher<ArrivedResult, StoredResult | undefined>;
  readonly #working = new Set<Promise<void>>();

  constructor(deps: ResultDeps) {
    this.#deps = deps;
    this.#writes = new Batcher({
      write: (results) => deps.store.add(results), sizeOf: ({ message }) => message.length,
      itemsMax: BATCH_MAX, sizeMax: BATCH_CHARS_MAX, isItemsFault: isAboutValues,
    });
  }

  onDelivery(delivery: Delivery): void {
    const done = this.#take(delivery).finally(() => this.#working.delete(done));
    this.#working.add(done);
  }

  /** The service itself ends tasks that nobody will run: as if `sender` had said so. */
  async fail(tasks: readonly string[], sender: string, code: string, text: string): Promise<void> {
    await Promise.all(tasks.map((task) => this.#settle(sender, task, encodeMessage(failureOf(task, code, text)))));
  }

  /** Waits for those in hand; what cannot be stored goes back to the broker. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#working);
  }

  async #take(delivery: Delivery): Promise<void> {
    const readable = this.#read(delivery);
    if (readable === undefined || await this.#stored(readable)) delivery.ack();
    else delivery.reject({ requeue: true });
  }

  /** False when the service ended before that was possible. */
  async #stored({ sender, task, body }: Readable): Promise<boolean> {
    const { log, clock } = this.#deps;
    for (let attempt = 0; !this.#closing.signal.aborted || attempt === 0; attempt++) {
      try {
        await this.#settle(sender, task, body);
        return true;
      } catch (err) {
        const ms = backOffMs(attempt);
        log.warn({ err, task, ms: Math.round(ms) }, 'result could not be stored and will be again');
        await clock.sleep(ms, this.#closing.signal);
      }
    }
    return false;
  }

  /** What is to be stored: the message as it is, or a readable one in its place; undefined for what says nothing. */
  #read({ body, routingKey }: Delivery): Readable | undefined {
    const sender = endpointOfKey(routingKey);
    const message = decodeMessage(body);
    if (sender !== undefined && message.type === 'result') {
      const { taskId: task } = message;
      if (message.data.length <= RESULT_BYTES_MAX + RESULT_SLACK) return { sender, task, body };
      return { sender, task, body: encodeMessage(oversized(message)) };
    }
    const task = message.type === 'refused' ? taskNamedIn(body) : undefined;
    const why = message.type === 'refused' ? message.text : `a message of type ${message.type}`;
    this.#deps.log.warn({ endpoint: sender, task, why }, 'result could not be read');
    if (sender === undefined || task === undefined) return undefined;
    const failure = failureOf(task, 'RESULT_UNREADABLE', `The endpoint's result could not be read: ${why}`);
    return { sender, task, body: encodeMessage(failure) };
  }

  async #settle(sender: string, task: string, body: Buffer): Promise<void> {
    const { clock, courier, store, log } = this.#deps;
    const stored = await this.#writes.add({
      task, sender, message: body.toString('utf8', 1), completedS: clock.now() / 1000,
    });
    if (stored === undefined) {
      log.warn({ task, endpoint: sender }, 'result of no task of this endpoint was dropped');
      return;
    }
    if (!stored.stream) return;
    // Of a result that came before, nobody knows whether it was passed on: clients can be told twice, not never.
    const first = stored.fresh ? undefined : await store.message(task);
    const forward = first === undefined ? body : Buffer.concat([VERSION, Buffer.from(first)]);
    const taken = await courier.publishResult(stored.owner, stored.taskGroup, forward);
    if (!taken) log.debug({ task }, 'nobody waits for the result any more');
  }
}

function failureOf(taskId: string, code: string, text: string): ResultMessage {
  return {
    type: 'result', taskId, data: text, details: undefined, error: { code, userMessage: text }, transitions: undefined,
  };
}

/** As the field's workers word it, whose part it would have been to refuse this. */
function oversized({ taskId, data, details, transitions }: ResultMessage): ResultMessage {
  const text = `MaxResultSizeExceeded(${data.length}, ${RESULT_BYTES_MAX})`;
  const error = { code: 'MaxResultSizeExceeded', userMessage: `remote error: ${text}` };
  return { type: 'result', taskId, data: text, details, error, transitions };
}

/** The task that an unreadable result is about, if that much can be read. */
function taskNamedIn(body: Uint8Array): string | undefined {
  try {
    const envelope: Json = parseJson(Buffer.from(body.subarray(1)).toString('utf8'));
    const data = isJsonObject(envelope) ? envelope['data'] : undefined;
    const id = isJsonObject(data) ? data['task_id'] : undefined;
    return typeof id === 'string' && UUID.test(id) ? id.toLowerCase() : undefined;
  } catch {
    return undefined; // not even that
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
