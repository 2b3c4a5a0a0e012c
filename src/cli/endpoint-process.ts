// The endpoint's own process: it is told on standard input what to be, and says on standard output whether it is. It
// leads a process group, so that a Ctrl-C reaches us alone, and so that it can outlive us.

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { ComputeError, isErrorCode } from '../common/errors.ts';
import { killGroup } from '../common/exec.ts';
import { formatJson, type JsonObject } from '../common/json.ts';
import { EXIT_SOFTWARE, EXIT_USAGE, exitOf } from '../common/shutdown.ts';
import { FILE_MODE, LOG_FILE, type EndpointFolder } from './endpoint-directory.ts';
import { storageFailed } from './failure.ts';

/** One JSON line on its standard input; the rest of it is for its program. */
export interface EndpointOrder {
  readonly endpoint_id: string;
}

export interface ProcessOptions {
  /** Its main.js. */
  readonly program: string;
  readonly environment: NodeJS.ProcessEnv;
  /** What it has to say beside its log comes to our terminal. */
  readonly console: boolean;
}

interface Said {
  readonly type: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
}

/** The title of a process, which says which endpoint it is, has as much room as its command line had. */
const TITLE_ROOM = ' '.repeat(160);

/** It gets credentials, so its memory is not written to a file when it crashes. */
const WITHOUT_CORE = 'ulimit -S -c 0; exec "$@"';

export class EndpointProcess {
  readonly pid: number;
  /** Its exit status. */
  readonly ended: Promise<number>;
  readonly #child: ChildProcess;
  readonly #log: string;

  private constructor(child: ChildProcess, pid: number, log: string) {
    this.pid = pid;
    this.#child = child;
    this.#log = log;
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(code ?? (signal === null ? EXIT_SOFTWARE : exitOf(signal))));
    });
  }

  /** It waits for its order. */
  static async spawn(
    { path }: EndpointFolder, { program, environment, console }: ProcessOptions,
  ): Promise<EndpointProcess> {
    const log = join(path, LOG_FILE);
    const stderr = console ? 'inherit' : openLog(log);
    const child = spawn('/bin/sh', ['-c', WITHOUT_CORE, 'sh', process.execPath, program, TITLE_ROOM], {
      stdio: ['pipe', 'pipe', stderr], detached: true, cwd: path, env: environment,
    });
    if (typeof stderr === 'number') closeSync(stderr);
    child.stdin?.on('error', () => { /* it ended before it read everything: its exit status tells */ });
    return await new Promise((resolve, reject) => {
      child.once('error', (cause) => {
        reject(new ComputeError('START_FAILED', `cannot start the endpoint's process in ${path}`, { cause }));
      });
      child.once('spawn', () => {
        const { pid = 0 } = child; // a child that was spawned has one
        resolve(new EndpointProcess(child, pid, log));
      });
    });
  }

  /** Resolves when it serves tasks. Throws why it does not, or not in time, or the signal's reason. */
  async up(order: EndpointOrder, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const late = new Promise<never>((_, reject) => {
      timeout.addEventListener('abort', () => reject(this.#failed(`was not up within ${timeoutMs / 1000} s`)));
      signal.addEventListener('abort', () => reject(asError(signal.reason)));
    });
    // Its fields are plain data; an interface has no index signature, which is all that is missing.
    this.#child.stdin?.write(`${formatJson(order as unknown as JsonObject)}\n`);
    await Promise.race([this.#answer(), late]);
  }

  /** Its log, as it is written, until it ends. */
  showLog(): void {
    spawn('tail', ['--lines=0', '--follow=name', '--retry', `--pid=${this.pid}`, this.#log], {
      stdio: ['ignore', 2, 'ignore'], detached: true,
    }).on('error', () => { /* no tail, no log to be seen; the file is there */ });
  }

  /** It stays, and nothing of it keeps us here any more. */
  leave(): void {
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
    this.#child.unref();
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** In order if it can, within some time; then with whatever it has started in its group. */
  async end(withinMs: number): Promise<void> {
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.kill(), withinMs);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    killGroup(this.pid, 'SIGKILL');
  }

  #answer(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#child.stdout === null) throw new Error('unreachable: its standard output is a pipe');
      let failed: Said | undefined;
      createInterface({ input: this.#child.stdout }).once('line', (line) => {
        const said = JSON.parse(line) as Said; // written by its main.ts
        if (said.type === 'up') resolve();
        else failed = said;
      });
      // What it said before is read first.
      this.#child.once('close', (code, signal) => {
        reject(failed === undefined ? this.#failed(`ended with ${signal ?? `status ${code}`} before it was up`)
          : failureOf(failed, code ?? 0));
      });
    });
  }

  #failed(what: string): ComputeError {
    return new ComputeError('START_FAILED', `the endpoint ${what}: ${this.#log} may say why`);
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** Its statuses tell more than a code does, where they are those of sysexits(3). */
function failureOf({ code, message }: Said, exitStatus: number): ComputeError {
  return new ComputeError(isErrorCode(code) ? code : 'START_FAILED', String(message), {
    details: exitStatus >= EXIT_USAGE ? { exitStatus } : {},
  });
}

function openLog(path: string): number {
  try {
    return openSync(path, 'a', FILE_MODE);
  } catch (cause) {
    throw storageFailed(`cannot write the endpoint's log ${path}`, cause);
  }
}
