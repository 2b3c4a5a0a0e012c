// The same script of the field's SDK for every endpoint: told what to measure, a line each way.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ComputeError } from '../../src/common/errors.ts';
import { pythonFolder } from './place.ts';

export interface Throughput {
  readonly tasks: number;
  /** Until the message with the last result was there. */
  readonly seconds: number;
  /** Processor time of the script's process. */
  readonly sdk_cpu_s: number;
}

export interface Backlog {
  readonly tasks: number;
  /** From the moment in which the workers were let go until the message with the last result was there. */
  readonly seconds: number;
}

export interface Latencies {
  /** As futures settle, which the SDK does every half second. */
  readonly futures_ms: readonly number[];
  /** Until the message with the result was there. */
  readonly messages_ms: readonly number[];
}

export interface ScriptOptions {
  readonly python: string;
  readonly env: Readonly<Record<string, string>>;
  readonly endpoint: string;
  readonly signal: AbortSignal;
}

export class SdkScript implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #tail: () => string;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, tail: () => string) {
    this.#child = child;
    this.#lines = lines;
    this.#tail = tail;
  }

  static async start({ python, env, endpoint, signal }: ScriptOptions): Promise<SdkScript> {
    const child = spawn(python, ['-u', join(pythonFolder(), 'no_ops.py')], {
      env: { ...env, ENDPOINT: endpoint }, stdio: ['pipe', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL',
    });
    child.on('error', () => { /* it could not start, or was aborted: its output ends */ });
    let tail = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => { tail = (tail + text).slice(-4000); });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const script = new SdkScript(child, lines, () => tail);
    await script.#answer();
    return script;
  }

  /** `batchSize`: how many tasks the SDK submits with a request, at most. */
  throughput(count: number, batchSize: number): Promise<Throughput> {
    return this.#ask('throughput', count, batchSize);
  }

  /** Of tasks that have all been submitted, and wait behind those that hold the workers. */
  backlog(count: number, batchSize: number): Promise<Backlog> {
    return this.#ask('backlog', count, batchSize);
  }

  latency(count: number): Promise<Latencies> {
    return this.#ask('latency', count);
  }

  /** One task; until the message with its result was there. */
  async first(): Promise<number> {
    return (await this.#ask<{ seconds: number }>('first', 1)).seconds;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const end = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await end;
  }

  async #ask<T>(measure: string, count: number, batchSize = 1): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify({ measure, count, batch_size: batchSize })}\n`);
    return JSON.parse(await this.#answer()) as T; // our own script wrote it
  }

  async #answer(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done !== true) return value;
    throw new ComputeError('COMMAND_FAILED', `the script of the SDK ended: ${this.#tail()}`);
  }
}
