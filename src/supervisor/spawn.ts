// One process that is to become a user endpoint: its own session and process group, its orders on standard input, and
// two pipes on which it says how its start went. Then nothing connects it to us but that we are its parent.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import { killGroup } from '../common/exec.ts';
import { processAt, stateOf, type Holder } from '../common/holder.ts';
import { failureOf, STEP_UP, type Launch, type StartFailure } from './launch.ts';

/** It, with everything that it has started before, may take its time; a hanging file server may take all of it. */
const UP_MS = 10 * 60_000;
/** What it may write before it is up: wrapper scripts and what they call like to talk. */
const SAID_BYTES_MAX = 1024 * 1024;
const KEPT_CHARS = 8 * 1024;
/** For one that has to be given up. */
const END_MS = 10_000;
/** Until the last words of one that has ended are read: what it left behind may hold the pipes for ever. */
const READ_MS = 500;
/** After its end, whatever is left in its process group: told to end, and then ended. */
const LEFT_MS = 2_000;
const LEFT_END_MS = 30_000;
const LOOK_MS = 100;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface UserEndpointProcess {
  readonly pid: number;
  /** undefined: it serves tasks. Settles once, also when it ends without a word. */
  readonly started: Promise<StartFailure | undefined>;
  readonly ended: Promise<Ended>;
  /** Resolves when nothing of its process group is left. */
  readonly vanished: Promise<void>;
  terminate(): void;
  /** With everything in its process group. */
  kill(): void;
}

/** Throws START_FAILED when there can be no process: too many, or setpriv is not there. */
export async function spawnUserEndpoint(
  launch: Launch, payload: Buffer, clock: Clock,
): Promise<UserEndpointProcess> {
  // The working directory is not the user's before it is the user who goes there.
  const child = spawn(launch.file, launch.args, {
    cwd: '/', env: launch.environment, detached: true, stdio: ['pipe', 'pipe', 'pipe'],
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => {
      reject(new ComputeError('START_FAILED', 'Unable to fork child process', { cause }));
    });
  });
  return new Spawned(child, { launch, payload, clock });
}

class Spawned implements UserEndpointProcess {
  readonly pid: number;
  readonly started: Promise<StartFailure | undefined>;
  readonly ended: Promise<Ended>;
  readonly vanished: Promise<void>;
  readonly #holder: Holder;
  readonly #clock: Clock;
  #exited = false;
  #groupGone = false;

  constructor(child: ChildProcess, { launch, payload, clock }: {
    readonly launch: Launch; readonly payload: Buffer; readonly clock: Clock;
  }) {
    const { pid = 0, stdin, stdout, stderr } = child; // a child that was spawned has all of them
    if (pid === 0 || stdin === null || stdout === null || stderr === null) throw new Error('unreachable: no process');
    this.pid = pid;
    this.#clock = clock;
    this.#holder = processAt(pid);
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#exited = true;
        resolve({ code, signal });
      });
    });
    this.vanished = this.ended.then(() => this.#sweep());
    child.on('error', () => { /* a signal that could not be sent: it has ended */ });
    stdin.on('error', () => { /* it ended before it read everything: its end tells */ });
    stdin.end(payload);
    this.started = this.#outcome(child, { stdout, stderr, path: launch.environment['PATH'] ?? '' })
      .finally(() => { for (const one of [stdin, stdout, stderr]) one.destroy(); });
  }

  terminate(): void {
    // Never while somebody else has its number.
    if (stateOf(this.#holder) === 'alive') tell(this.pid, 'SIGTERM');
    else if (this.#groupIsLeft()) killGroup(this.pid, 'SIGTERM');
  }

  kill(): void {
    if (stateOf(this.#holder) === 'alive' || this.#groupIsLeft()) killGroup(this.pid, 'SIGKILL');
  }

  async #outcome(
    child: ChildProcess, { stdout, stderr, path }: { stdout: Readable; stderr: Readable; path: string },
  ): Promise<StartFailure | undefined> {
    const words = new LastWords(stderr);
    const said = new Said(stdout);
    const closed = new Promise<Ended>((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }));
      void this.ended.then((ended) => this.#clock.sleep(READ_MS).then(() => resolve(ended)));
    });
    const enough = new AbortController();
    const first = await Promise.race([
      said.answer, closed, words.tooMuch, this.#clock.sleep(UP_MS, enough.signal).then(() => 'late' as const),
    ]);
    enough.abort();
    if (first === 'late' || first === 'too much') {
      this.terminate();
      void this.#clock.sleep(END_MS).then(() => this.kill());
      const why = first === 'late' ? `was not up within ${UP_MS / 60_000} minutes`
        : `wrote more than ${SAID_BYTES_MAX} bytes before it was up`;
      return { step: STEP_UP, error: 'TimeoutError', message: `the user endpoint ${why}` };
    }
    if (first === 'up') return undefined;
    if ('step' in first) return first;
    return failureOf({ ...first, stderr: words.text }, path);
  }

  /** What its program left in its process group: a wrapper script that did not become what it started, and the like. */
  async #sweep(): Promise<void> {
    await this.#emptied(LEFT_MS);
    if (this.#groupIsLeft()) killGroup(this.pid, 'SIGTERM');
    await this.#emptied(LEFT_END_MS);
    if (this.#groupIsLeft()) killGroup(this.pid, 'SIGKILL');
  }

  async #emptied(withinMs: number): Promise<void> {
    const end = this.#clock.now() + withinMs;
    while (this.#groupIsLeft() && this.#clock.now() < end) await this.#clock.sleep(LOOK_MS);
  }

  /** Its number is given to nobody as long as somebody is in the group; once it is, it is never the group's again. */
  #groupIsLeft(): boolean {
    if (!this.#exited) return false;
    this.#groupGone ||= existsSync(`/proc/${this.pid}`) || !isGroup(this.pid);
    return !this.#groupGone;
  }
}

function tell(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended in the same moment.
  }
}

function isGroup(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false; // nobody is in it
  }
}

/** The line with which it says how its start went, among whatever else it writes. */
class Said {
  readonly answer: Promise<'up' | StartFailure | 'too much'>;

  constructor(stdout: Readable) {
    this.answer = new Promise((resolve) => {
      let line = '';
      let bytes = 0;
      stdout.setEncoding('utf8').on('data', (text: string) => {
        bytes += text.length;
        if (bytes > SAID_BYTES_MAX) resolve('too much');
        const lines = (line + text).split('\n');
        line = lines.pop() ?? '';
        for (const one of lines) {
          const answer = answerIn(one);
          if (answer !== undefined) resolve(answer);
        }
      }).on('error', () => { /* it closes when the process ends */ });
    });
  }
}

/** The end of what it writes beside that. */
class LastWords {
  readonly tooMuch: Promise<'too much'>;
  text = '';

  constructor(stderr: Readable) {
    this.tooMuch = new Promise((resolve) => {
      let bytes = 0;
      stderr.setEncoding('utf8').on('data', (text: string) => {
        bytes += text.length;
        this.text = (this.text + text).slice(-KEPT_CHARS);
        if (bytes > SAID_BYTES_MAX) resolve('too much');
      }).on('error', () => { /* it closes when the process ends */ });
    });
  }
}

/** It is the user's process that says this: any of it may be missing, or be anything. */
export function answerIn(line: string): 'up' | StartFailure | undefined {
  if (!line.startsWith('{')) return undefined;
  let said: Readonly<Record<string, unknown>>;
  try {
    said = JSON.parse(line) as Readonly<Record<string, unknown>>; // an object, as it starts with a brace
  } catch {
    return undefined; // somebody else's words
  }
  if (said['type'] === 'up') return 'up';
  if (said['type'] !== 'failed') return undefined;
  const { step, error, message, detail } = said;
  return {
    step: Number.isInteger(step) && Number(step) > 0 && Number(step) < 256 ? Number(step) : 1,
    error: typeof error === 'string' && /^[A-Za-z_]\w{0,79}$/.test(error) ? error : 'RuntimeError',
    message: typeof message === 'string' ? message.slice(0, KEPT_CHARS) : 'the user endpoint did not say why',
    ...typeof detail === 'string' ? { detail: detail.slice(0, KEPT_CHARS) } : {},
  };
}
