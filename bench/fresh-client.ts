// Starts the smallest client and waits for its first result.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { firstLine } from '../src/common/shutdown.ts';
import type { Effort } from './effort.ts';

/** The client's one line of output. */
export interface FirstResult {
  /** Just before its first task was submitted; epoch ms. */
  readonly submitCalledAtMs: number;
  /** Of its run. */
  readonly folder: string;
  readonly interchangePid: number;
  readonly managerPids: readonly number[];
}

const LOCAL = { type: 'LocalProvider', max_blocks: 1 };
/** A scheduler takes its time to end a job. */
const END_TIMEOUT_MS = 30_000;

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

  /** `provider`: where its block comes from; this machine if not said. */
  static async start({ directory, signal }: Effort, provider: object = LOCAL): Promise<FreshClient> {
    signal.throwIfAborted();
    const start = performance.now();
    const main = fileURLToPath(new URL('./fresh-client/main.js', import.meta.url));
    const args = [main, directory, JSON.stringify(provider)];
    // A Ctrl-C in the terminal is not for it: that would leave its block behind.
    const child = spawn(process.execPath, args, { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
    const stop = (): void => void child.stdin.end();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const line = await firstLine(child.stdout);
      const seconds = (performance.now() - start) / 1000;
      if (child.pid === undefined) throw new Error('the fresh client has no process id');
      return new FreshClient(child, child.pid, JSON.parse(line) as FirstResult, seconds); // our own process wrote it
    } catch (cause) {
      await ended(child);
      throw new Error('the fresh client ended before its first result', { cause });
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ended(this.#child);
  }
}

/** Its leash is let go, so that it gives back what it has. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  const late = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS);
  child.stdin?.end();
  await gone;
  clearTimeout(late);
}
