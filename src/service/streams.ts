// Stored results → the streams of those who wait for them. Clients of ours take several in one message: what comes
// while others are on their way goes with the next.

import { bundled } from '../amqp/bundles.ts';
import { decodeMessage, encodeMessage, type ResultMessage } from '../amqp/messages.ts';
import type { Published } from '../amqp/names.ts';
import { formatResult } from '../amqp/result-message.ts';
import type { Logger } from '../common/log.ts';
import { Batcher } from './batcher.ts';
import type { Courier } from './courier.ts';
import type { StoredResult } from './store/results.ts';

/** A result's message as it is stored and as single messages carry it. */
export interface WireResult {
  readonly message: ResultMessage;
  readonly text: string;
  /** As it was published, if it is word for word what was. */
  readonly published?: Published | undefined;
}

/** Whose stream. */
export type Reader = Omit<StoredResult, 'fresh'>;

interface Outgoing extends WireResult {
  readonly to: Reader;
}

const TOGETHER_MAX = 4_000;
const TOGETHER_CHARS_MAX = 24 * 1024 * 1024;
const VERSION = Buffer.from([1]);

export class Streams {
  readonly #courier: Courier;
  readonly #log: Logger;
  readonly #bundles: Batcher<Outgoing, PromiseSettledResult<void>>;

  constructor(courier: Courier, log: Logger) {
    this.#courier = courier;
    this.#log = log;
    this.#bundles = new Batcher({
      write: (results) => this.#publishBundles(results), sizeOf: ({ text }) => text.length,
      itemsMax: TOGETHER_MAX, sizeMax: TOGETHER_CHARS_MAX, isItemsFault: () => false,
    });
  }

  /**
   * Resolves when the broker has it, or when nobody waits any more: it can still be asked for over HTTP. What its
   * endpoint has put into the stream already needs nothing.
   */
  async forward(to: Reader, result: WireResult): Promise<void> {
    switch (to.stream) {
      case 'none': return;
      case 'single':
        await this.#publish(to, bytesOf(result));
        return;
      case 'bundles': {
        if (this.#isThere(to, result)) return;
        const sent = await this.#bundles.add({ ...result, to });
        if (sent.status === 'rejected') throw sent.reason; // oxlint-disable-line typescript/only-throw-error
      }
    }
  }

  #isThere({ owner, taskGroup }: Reader, { published }: WireResult): boolean {
    return published?.straightTo === taskGroup && this.#courier.isStraight(owner, taskGroup);
  }

  /** What became of each. */
  async #publishBundles(results: readonly Outgoing[]): Promise<PromiseSettledResult<void>[]> {
    const bundles = bundled(results, ({ to }) => to.owner + to.taskGroup, ({ text }) => text.length);
    const sent = await Promise.allSettled(bundles.map((bundle) => this.#publishBundle(bundle)));
    const byResult = new Map(bundles.flatMap((bundle, i) => bundle.map((one) => [one, sent[i]] as const)));
    return results.map((one) => byResult.get(one) ?? { status: 'fulfilled', value: undefined });
  }

  async #publishBundle(bundle: readonly Outgoing[]): Promise<void> {
    const [first] = bundle;
    if (first === undefined) return;
    const body = bundle.length === 1 ? bytesOf(first)
      : encodeMessage({ type: 'result_bundle', results: bundle.map(({ message }) => message) });
    await this.#publish(first.to, body);
  }

  async #publish({ owner, taskGroup, task }: Reader, body: Uint8Array): Promise<void> {
    const taken = await this.#courier.publishResult(owner, taskGroup, body);
    if (!taken) this.#log.debug({ task }, 'nobody waits for the result any more');
  }
}

/** From the text that was stored: it was a result's then. */
export function storedResult(text: string): WireResult | undefined {
  const message = decodeMessage(bytesOf({ text }));
  return message.type === 'result' ? { message, text } : undefined;
}

export function wireResult(message: ResultMessage): WireResult {
  return { message, text: formatResult(message) };
}

function bytesOf({ text }: { readonly text: string }): Buffer {
  return Buffer.concat([VERSION, Buffer.from(text)]);
}
