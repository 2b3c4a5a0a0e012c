// Functions as the service knows them: registered once for each executor, or looked up.

import { ComputeError } from '../common/errors.ts';
import { writeFunction } from '../common/javascript.ts';
import { pack } from '../common/packed.ts';
import type { Client } from './client.ts';
import { portableDefinition, type TaskFunction } from './functions.ts';
import { languageOf, type Language } from './wire-format.ts';

/** A function with its id, ready to be called. */
export interface RemoteFunction {
  readonly id: string;
  readonly language: Language;
  readonly name: string;
  readonly codeBytes: number;
}

/** A function on its way to that. */
interface Entry {
  ready: RemoteFunction | undefined;
  waiting: Waiting[];
}

type Waiting = (fn: RemoteFunction | Error) => void;

/** How long it may take until the service is there. */
const PATIENCE_MS = 300_000;

export class RemoteFunctions {
  readonly #client: Client;
  readonly #signal: AbortSignal;
  readonly #entries = new WeakMap<object, Entry>();
  /** By code, or id: equal functions are one. */
  readonly #known = new Map<string, Entry>();

  constructor(client: Client, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  /** At once, if it is there; else undefined, and then `whenReady`. Throws NOT_SERIALIZABLE. */
  get(fn: TaskFunction): RemoteFunction | undefined {
    return (this.#entries.get(fn) ?? this.#open(fn)).ready;
  }

  /** Those who wait are called in the order in which they asked. */
  whenReady(fn: TaskFunction, then: Waiting): void {
    (this.#entries.get(fn) ?? this.#open(fn)).waiting.push(then);
  }

  #open(fn: TaskFunction): Entry {
    const make = this.#maker(fn);
    const known = this.#known.get(make.key);
    if (known !== undefined) {
      this.#entries.set(fn, known);
      return known;
    }
    const entry: Entry = { ready: undefined, waiting: [] };
    this.#entries.set(fn, entry);
    this.#known.set(make.key, entry);
    make.run().then((ready) => {
      entry.ready = ready;
      for (const then of entry.waiting.splice(0)) then(ready);
    }, (cause: unknown) => {
      // The next call tries again.
      this.#entries.delete(fn);
      this.#known.delete(make.key);
      const error = cause instanceof Error ? cause : new ComputeError('SERVICE_FAILED', 'no function', { cause });
      for (const then of entry.waiting.splice(0)) then(error);
    });
    return entry;
  }

  #maker(fn: TaskFunction): { readonly key: string; run(): Promise<RemoteFunction> } {
    if (typeof fn === 'object' && 'functionId' in fn) {
      const { functionId } = fn;
      return { key: functionId, run: () => this.#lookUp(functionId) };
    }
    const definition = portableDefinition(fn);
    const code = pack(writeFunction(definition));
    return { key: code, run: () => this.#register(definition.name, code) };
  }

  async #register(name: string, code: string): Promise<RemoteFunction> {
    const id = await this.#client.storeFunction({
      function_name: name, function_code: code, meta: { language: 'javascript', node_version: process.version },
    }, { patienceMs: PATIENCE_MS, signal: this.#signal });
    return { id, language: 'javascript', name, codeBytes: code.length };
  }

  async #lookUp(id: string): Promise<RemoteFunction> {
    const { name, code } = await this.#client.storedFunction(id, { patienceMs: PATIENCE_MS, signal: this.#signal });
    return { id, language: languageOf(code), name, codeBytes: Buffer.byteLength(code) };
  }
}
