// Starts the smallest client and waits for its first result.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { firstLine } from '../src/common/shutdown.ts';
import type { Effort } from './effort.ts';

/** The client's one line of output. */
export interface FirstResult {
  readonly interchangePid: number;
  readonly managerPids: readonly number[];
}

const END_TIMEOUT_MS = 15_000;

export class FreshClient implements AsyncDisposable {
  readonly pid: number;
  readonly first: FirstResult;
  /** From the start of the process to its first result. */
  readonly seconds: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, pid: number, first: FirstResult, seconds: number) {
    this.#child = child;
    this.pid = pid;
    this.first = first;
    this.seconds = seconds;
  }

  static async start({ directory, signal }: Effort): Promise<FreshClient> {
    signal.throwIfAborted();
    const start = performance.now();
    const main = fileURLToPath(new URL('./fresh-client/main.js', import.meta.url));
    const child = spawn(process.execPath, [main, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
    const stop = (): void => void child.stdin.end();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const line = await firstLine(child.stdout);
      const seconds = (performance.now() - start) / 1000;
      if (child.pid === undefined) throw new Error('the fresh client has no process id');
      return new FreshClient(child, child.pid, JSON.parse(line) as FirstResult, seconds); // our own process wrote it
    } catch (cause) {
      child.kill('SIGKILL');
      throw new Error('the fresh client ended before its first result', { cause });
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), END_TIMEOUT_MS);
    this.#child.stdin?.end();
    await gone;
    clearTimeout(late);
  }
}
