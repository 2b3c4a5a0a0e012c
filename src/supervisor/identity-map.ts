// The identity map of an endpoint: who may use it, and as which local user. The file is read again when it changes.
// Always true: what is asked is the last file that could be used; one that cannot be takes nothing back.

import type { Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { JsonObject } from '../common/json.ts';
import type { Logger } from '../common/log.ts';
import { EXIT_NOT_ALLOWED } from '../common/shutdown.ts';
import { parseIdentityDocument, type IdentityDocument } from './identity-document.ts';
import { changedIdentityFile, FileUnreadable, readIdentityFile } from './identity-file.ts';
import { lookUp, type Lookup } from './identity-lookup.ts';
import type { IdentityMapper } from './identity-mapper.ts';

export interface IdentityMapOptions {
  readonly endpointId: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface LoadedMap extends IdentityDocument {
  /** Of the file. */
  readonly version: string;
}

const POLL_MS = 5_000;
const EXIT_CONFIG = 78;

/** Throws CONFIG_INVALID, in the field's words and with its exit status in the details. */
export async function loadIdentityMap(path: string, endpointId: string): Promise<LoadedMap> {
  try {
    const { version, text } = await readIdentityFile(path);
    return { version, ...parseIdentityDocument(text, endpointId) };
  } catch (cause) {
    const isRefused = cause instanceof FileUnreadable && cause.name === 'PermissionError';
    throw new ComputeError('CONFIG_INVALID',
      `${worded(cause)} -- Unable to read identity mapping configuration from: ${path}`,
      { cause, details: { path, exitStatus: isRefused ? EXIT_NOT_ALLOWED : EXIT_CONFIG } });
  }
}

/** As loadIdentityMap, and from then on what is in the file is what counts. Reads until it is closed or aborted. */
export async function openIdentityMap(path: string, options: IdentityMapOptions): Promise<IdentityMap> {
  return new IdentityMap(path, await loadIdentityMap(path, options.endpointId), options);
}

export class IdentityMap {
  readonly #path: string;
  readonly #options: IdentityMapOptions;
  readonly #stopPolling: () => void;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  #mappers: readonly IdentityMapper[] = [];
  /** Of the file that was looked at last, whether or not it could be used. */
  #version: string | undefined;
  /** What was said last about a file that cannot be read; it is not said again. */
  #said: string | undefined;
  #polling: Promise<void> | undefined;
  #onChange: () => void = () => { /* nobody asked to hear of it */ };

  constructor(path: string, loaded: LoadedMap, options: IdentityMapOptions) {
    this.#path = path;
    this.#options = options;
    this.#version = loaded.version;
    this.#use(loaded);
    this.#signal = AbortSignal.any([options.signal, this.#closing.signal]);
    this.#stopPolling = options.clock.every(POLL_MS, () => void this.refresh());
    this.#signal.addEventListener('abort', this.#stopPolling, { once: true });
  }

  /** Never throws: a mapper that fails has no match, and the log says why. */
  async lookup(identitySet: readonly JsonObject[]): Promise<Lookup> {
    const found = await lookUp(this.#mappers, identitySet, this.#signal);
    for (const failure of found.failures) this.#options.log.warn(failure);
    return found;
  }

  /** Called when other rules are in use; one may listen. */
  watch(onChange: () => void): void {
    this.#onChange = onChange;
  }

  /** Looks at the file now, and not only at the next of its regular times. Never throws. */
  refresh(): Promise<void> {
    // A file server that hangs must not have one question after the other waiting.
    this.#polling ??= this.#poll().finally(() => { this.#polling = undefined; });
    return this.#polling;
  }

  async close(): Promise<void> {
    this.#stopPolling();
    this.#closing.abort('the identity map was closed');
    await this.#polling;
  }

  async #poll(): Promise<void> {
    const { log, endpointId } = this.#options;
    try {
      const file = await changedIdentityFile(this.#path, this.#version);
      this.#said = undefined;
      if (file === undefined) return;
      // Before it is parsed: what is wrong with it is said once.
      this.#version = file.version;
      log.info(`Identity mapping configuration change detected; rereading: ${this.#path}`);
      this.#use(parseIdentityDocument(file.text, endpointId));
      this.#onChange();
    } catch (error) {
      const sentence = worded(error);
      if (error instanceof FileUnreadable) {
        if (sentence === this.#said) return;
        this.#said = sentence;
        // Whatever comes in its place is new, even if it looks like the file that was there.
        this.#version = undefined;
      }
      log.error(`Unable to update identity configuration -- ${sentence}\n`
        + `  Identity configuration path: ${this.#path}\n  The configuration before it stays in use.`);
    }
  }

  #use({ mappers, notes }: IdentityDocument): void {
    this.#mappers = mappers;
    for (const note of notes) this.#options.log.warn(`Identity mapping configuration ${this.#path}: ${note}`);
  }
}

function worded(error: unknown): string {
  return error instanceof Error ? `(${error.name}) ${error.message}` : String(error);
}
