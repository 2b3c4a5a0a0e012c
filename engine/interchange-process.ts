// The interchange as a child process: started, watched, ended. Its stdin is its leash and carries its config.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ComputeError } from '../src/common/errors.ts';
import { CLIENT_FD, type InterchangeConfig, type InterchangeReady } from '../src/common/process-config.ts';
import { Pipe } from './pipe.ts';

const MAIN = fileURLToPath(new URL('./interchange/main.js', import.meta.url));
const START_MAX_MS = 20_000;
const STOP_MAX_MS = 2000;
/** Of what it printed to stderr, this much is shown when it does not come up. */
const STDERR_CHARS_MAX = 2000;

export class InterchangeProcess {
  readonly #child: ChildProcess;
  readonly managerPort: number;
  /** The line to it. */
  readonly pipe: Pipe;
  readonly pid: number;
  #expected = false;

  private constructor(child: ChildProcess, pid: number, managerPort: number, pipe: Pipe) {
    this.#child = child;
    this.pid = pid;
    this.managerPort = managerPort;
    this.pipe = pipe;
  }

  /** `onExit` is called when it ends without having been asked to. */
  static async start(config: InterchangeConfig, onExit: (how: string) => void): Promise<InterchangeProcess> {
    // Detached: a Ctrl-C in the terminal is for the client, which drains first.
    const child = spawn(process.execPath, [MAIN], { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], detached: true });
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => {
      stderr = (stderr + data.toString()).slice(-STDERR_CHARS_MAX);
    });
    child.stdin.on('error', () => { /* it ended: 'exit' says so */ });
    child.stdin.write(`${JSON.stringify(config)}\n`);
    const ready = await firstAnswer(child);
    if (ready.type === 'failed' || child.pid === undefined) {
      child.kill('SIGKILL');
      const message = ready.type === 'failed' ? ready.message : 'it could not be spawned';
      const last = stderr.trim().split('\n').at(-1);
      throw new ComputeError('START_FAILED',
        `the interchange did not start: ${explain(message, config)}${last ? ` (${last})` : ''}`);
    }
    const line = child.stdio[CLIENT_FD] as Duplex; // 'pipe' above: both ways
    const started = new InterchangeProcess(child, child.pid, ready.managerPort, new Pipe(line));
    child.once('exit', (code, signal) => {
      if (!started.#expected) onExit(signal === null ? `it exited with status ${code}` : `it was ended by ${signal}`);
    });
    for (const stream of [child.stdout, child.stderr]) if ('unref' in stream) (stream as { unref: () => void }).unref();
    child.unref();
    return started;
  }

  /** Lets go of the leash and waits; what does not end by itself is ended. */
  async stop(): Promise<void> {
    this.#expected = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.ref();
    const gone = once(this.#child, 'exit');
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MAX_MS);
    await gone;
    clearTimeout(timer);
  }
}

function firstAnswer(child: ChildProcess): Promise<InterchangeReady> {
  return new Promise((resolve) => {
    const fail = (message: string): void => settle({ type: 'failed', message });
    const timer = setTimeout(() => fail(`it did not answer within ${START_MAX_MS / 1000} s`), START_MAX_MS);
    const onExit = (code: number | null): void => fail(`it ended with status ${code}`);
    const settle = (ready: InterchangeReady): void => {
      clearTimeout(timer);
      child.removeListener('exit', onExit);
      resolve(ready);
    };
    child.once('error', (error) => fail(error.message));
    child.once('exit', onExit);
    if (child.stdout === null) return;
    createInterface(child.stdout).once('line', (line) => settle(JSON.parse(line) as InterchangeReady)); // our own line
  });
}

/** What the system says → what to do about it. */
function explain(message: string, config: InterchangeConfig): string {
  if (!/in use|EADDRINUSE/i.test(message)) return message;
  return `port ${config.managerPort} on ${config.managerAddress} is in use: end whatever listens there, or leave`
    + ' worker_port out for a free one';
}
