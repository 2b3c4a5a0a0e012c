// Functions as the service knows them: registered once for each executor, or looked up.

import { ComputeError } from '../common/errors.ts';
import { PAYLOAD_BYTES_MAX, type RegisterFunction } from '../common/api.ts';
import { writeFunction, type ScriptDefinition } from '../common/javascript.ts';
import { pack } from '../common/packed.ts';
import type { Encoded } from '../common/payload.ts';
import type { StoredFunction } from './answers.ts';
import { portableDefinition, type TaskFunction } from './functions.ts';
import { languageOf, writeArguments, type Language } from './wire-format.ts';

/** A function with its id, ready to be called. */
export interface RemoteFunction {
  readonly id: string;
  readonly language: Language;
  readonly name: string;
  readonly codeBytes: number;
}

interface Patience {
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

/** What is asked of a client. */
export interface FunctionStore {
  storeFunction(body: RegisterFunction, options?: Patience): Promise<string>;
  storedFunction(id: string, options?: Patience): Promise<StoredFunction>;
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
  readonly #client: FunctionStore;
  readonly #signal: AbortSignal;
  readonly #entries = new WeakMap<object, Entry>();
  /** By code, or id: equal functions are one. */
  readonly #known = new Map<string, Entry>();

  constructor(client: FunctionStore, signal: AbortSignal) {
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
    const registration = registrationOf(definition);
    return { key: registration.function_code, run: () => this.#register(registration) };
  }

  async #register(registration: RegisterFunction): Promise<RemoteFunction> {
    const { function_name: name, function_code: code } = registration;
    const id = await this.#client.storeFunction(registration, { patienceMs: PATIENCE_MS, signal: this.#signal });
    return { id, language: 'javascript', name, codeBytes: code.length };
  }

  #lookUp(id: string): Promise<RemoteFunction> {
    return lookUpFunction(this.#client, id, { patienceMs: PATIENCE_MS, signal: this.#signal });
  }
}

export function registrationOf(definition: ScriptDefinition): RegisterFunction {
  return {
    function_name: definition.name, function_code: pack(writeFunction(definition)),
    meta: { language: 'javascript', node_version: process.version },
  };
}

export async function lookUpFunction(
  client: FunctionStore, id: string, options: Patience = {},
): Promise<RemoteFunction> {
  const { name, code } = await client.storedFunction(id, options);
  return { id: id.toLowerCase(), language: languageOf(code), name, codeBytes: Buffer.byteLength(code) };
}

/** Throws PAYLOAD_TOO_LARGE, or NOT_SERIALIZABLE for what its language cannot be told. */
export function payloadOf({ language, name, codeBytes }: RemoteFunction, encoded: Encoded): string {
  const payload = writeArguments(language, encoded);
  const bytes = (language === 'python' ? Buffer.byteLength(payload) : payload.length) + codeBytes;
  if (bytes <= PAYLOAD_BYTES_MAX) return payload;
  throw new ComputeError('PAYLOAD_TOO_LARGE', `function ${name} and its arguments have ${bytes} bytes as they travel; `
    + `an endpoint's task may have ${PAYLOAD_BYTES_MAX}: write large data to a file that both see`);
}
