// Where result lines go: a file, or standard output.

import { fstatSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { storageFailed } from './failure.ts';

export interface Output {
  /** Empties it: until then, what is there stays. */
  begin(): Promise<void>;
  write(text: string): Promise<void>;
  /** Everything is where it belongs, or the error says why not. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** `path` is '-' for standard output. */
export async function openOutput(path: string, stdout: NodeJS.WritableStream): Promise<Output> {
  if (path === '-') return new StreamOutput(stdout);
  try {
    return new FileOutput(path, await open(path, 'a'));
  } catch (cause) {
    throw storageFailed(`cannot create the output ${path}`, cause, true);
  }
}

class FileOutput implements Output {
  readonly #path: string;
  readonly #file: FileHandle;

  constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  async begin(): Promise<void> {
    await this.#attempt(async () => {
      if (this.#isRegular()) await this.#file.truncate(0);
    });
  }

  async write(text: string): Promise<void> {
    await this.#attempt(() => this.#file.writeFile(text));
  }

  /** A quota on a file server may only show here. */
  async finish(): Promise<void> {
    await this.#attempt(async () => {
      if (this.#isRegular()) await this.#file.sync();
    });
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** A pipe or a device can be neither emptied nor synced. */
  #isRegular(): boolean {
    return fstatSync(this.#file.fd).isFile();
  }

  async #attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (cause) {
      throw storageFailed(`cannot write the output ${this.#path}`, cause);
    }
  }
}

class StreamOutput implements Output {
  readonly #stream: NodeJS.WritableStream;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
    // The write that failed is told, too; without a listener the process would end here.
    stream.on('error', () => { /* told by the write */ });
  }

  write(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(text, (cause) => {
        if (cause) reject(storageFailed('cannot write the results to standard output', cause));
        else resolve();
      });
    });
  }

  async begin(): Promise<void> { /* nothing is there yet */ }

  async finish(): Promise<void> { /* every write has been taken */ }

  async close(): Promise<void> { /* it is not ours to close */ }
}
