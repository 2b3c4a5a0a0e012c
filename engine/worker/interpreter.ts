// A Python interpreter as a child of a worker: started once, handed chunk after chunk, and, however it ends, ended with
// everything that it has started, which is one process group.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ComputeError } from '../../src/common/errors.ts';
import { killGroup } from '../../src/common/exec.ts';
import { WORKER_FUNCTIONS_MAX, type FunctionId, type PythonDefinition } from '../../src/common/protocol.ts';
import type { SlotMemory } from '../../src/common/slot-memory.ts';
import { Board } from './board.ts';
import { watchMemory } from './memory-watch.ts';
import { Output } from './output.ts';
import { encodeDefinition, encodeOrder, FrameReader, type FromInterpreter, type Order } from './python-frames.ts';
import { findPython } from './python-path.ts';

/** In the source tree that `dist` was built from, which may be newer than its copy there. */
const RUNNER = ['../../../engine/worker/python/run.py', './python/run.py']
  .map((place) => fileURLToPath(new URL(place, import.meta.url))).find((path) => existsSync(path)) ?? 'run.py';
/** It notes its own process group before it begins, for whoever cleans up after a manager that was killed. */
const NOTE_AND_RUN = 'printf "%s %s" "$$" "$2" >"$1" && exec "$3" "$4"';
/** Imports come over network file systems. */
const START_MAX_MS = 120_000;
/** For the last words of an interpreter that has ended. */
const OUTPUT_WAIT_MS = 500;
/** How long srun or mpiexec, told together with the interpreter, may take to end what they started on other nodes. */
const LAUNCHER_GRACE_MS = 5000;
const LOOK_MS = 20;

export interface InterpreterPlace {
  /** What it sees of its slot. */
  readonly environment: NodeJS.ProcessEnv;
  /** Where its process group is noted. */
  readonly note: string;
  readonly memory: SlotMemory;
  /** null: no limit. */
  readonly memoryMiBMax: number | null;
}

/** Why an interpreter is no more. */
export interface Loss {
  readonly type: 'lost';
  readonly signal: string | null;
  readonly error: ComputeError;
}

export type ChunkEnd = Extract<FromInterpreter, { type: 'done' | 'large' }> | Loss;

export class Interpreter {
  readonly board = new Board();
  readonly #place: InterpreterPlace;
  readonly #child: ChildProcess;
  readonly #line: Socket;
  readonly #output = new Output();
  readonly #frames = new FrameReader();
  readonly #functions = new Map<FunctionId, number>();
  #lastKey = 0;
  #version: string | undefined;
  #loss: Loss | undefined;
  /** Why we ended it, if we did. */
  #verdict: string | undefined;
  #unwatch: () => void = () => { /* not watched */ };
  #onFrame: ((frame: FromInterpreter | Loss) => void) | undefined;

  /** Starts one and waits until it can work. Throws PYTHON_UNUSABLE. */
  static async start(place: InterpreterPlace): Promise<Interpreter> {
    const path = place.environment['PATH'] ?? '';
    const python = findPython(path);
    if (python === undefined) {
      throw new ComputeError('PYTHON_UNUSABLE',
        `no python3 or python on the PATH of ${hostname()} (${path}): load an environment with Python and `
        + 'globus-compute-sdk in worker_init');
    }
    const interpreter = new Interpreter(python, place);
    try {
      await interpreter.#introduced(python);
    } catch (error) {
      interpreter.board.close();
      throw error;
    }
    return interpreter;
  }

  private constructor(python: string, place: InterpreterPlace) {
    this.#place = place;
    this.#child = spawn('/bin/sh', ['-c', NOTE_AND_RUN, 'sh', place.note, hostname(), python, RUNNER], {
      env: place.environment, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'pipe', this.board.fd],
    });
    place.memory.interpreter = this.#child.pid ?? 0;
    const line = this.#child.stdio[3];
    if (!(line instanceof Socket)) throw new Error('a piped descriptor is a socket');
    this.#line = line;
    line.on('error', () => { /* it has ended, and its end is told by itself */ });
    line.on('data', (piece: Buffer) => {
      for (const frame of this.#frames.push(piece)) this.#onFrame?.(frame);
    });
    this.#output.follow(this.#child.stdout, this.#child.stderr);
    this.#child.once('error', (cause) => this.#lose(null, `it could not be started: ${cause.message}`));
    this.#child.once('exit', (code, signal) => void this.#onExit(code, signal));
  }

  get lost(): boolean {
    return this.#loss !== undefined;
  }

  /** A number for the function; told to the interpreter the first time. */
  define(id: FunctionId, definition: PythonDefinition): number {
    const known = this.#functions.get(id);
    if (known !== undefined) return known;
    const forget: number[] = [];
    for (const [oldest, key] of this.#functions) {
      if (this.#functions.size < WORKER_FUNCTIONS_MAX) break;
      this.#functions.delete(oldest);
      forget.push(key);
    }
    const key = ++this.#lastKey;
    this.#functions.set(id, key);
    this.#line.write(encodeDefinition(key, definition, forget));
    return key;
  }

  /** One chunk at a time. */
  run(order: Order): Promise<ChunkEnd> {
    this.board.lift();
    const ended = new Promise<ChunkEnd>((resolve) => {
      if (this.#loss !== undefined) resolve(this.#loss);
      this.#onFrame = (frame) => {
        if (frame.type === 'lost' || (frame.type !== 'ready' && frame.type !== 'unusable')) resolve(frame);
      };
    });
    this.#line.write(encodeOrder(order));
    return ended;
  }

  /** Ends it and what it has started. */
  kill(): void {
    if (this.#child.pid !== undefined && !this.lost) killGroup(this.#child.pid, 'SIGKILL');
  }

  async #introduced(python: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const frame = await new Promise<FromInterpreter | Loss | undefined>((resolve) => {
      this.#onFrame = resolve;
      timer = setTimeout(() => resolve(undefined), START_MAX_MS);
    });
    clearTimeout(timer);
    if (frame?.type === 'ready') {
      this.#version = frame.about.version;
      this.#watchMemory();
      return;
    }
    this.kill();
    throw new ComputeError('PYTHON_UNUSABLE', `${python} on ${hostname()} cannot run Python tasks: ${whyNot(frame)}`,
      { details: { python, ...(frame?.type === 'lost' ? { signal: frame.signal } : {}) } });
  }

  /** Between two tasks, too: what one has left behind is nobody's fault then. */
  #watchMemory(): void {
    const { pid = 0 } = this.#child;
    const { memoryMiBMax: limit } = this.#place;
    if (limit === null || this.lost) return;
    this.#unwatch = watchMemory(pid, limit, (hasMiB) => {
      this.#verdict = `it passed its memory limit (mem_per_worker): it had ${Math.ceil(hasMiB)} MiB of ${limit} MiB`;
      this.kill();
    });
  }

  async #onExit(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    this.#unwatch();
    const pid = this.#child.pid ?? 0;
    if (signal === 'SIGTERM') await groupGone(pid, LAUNCHER_GRACE_MS);
    killGroup(pid, 'SIGKILL'); // what it left behind
    await new Promise<void>((resolve) => {
      // A program that left the group may hold the pipes open for ever.
      const timer = setTimeout(resolve, OUTPUT_WAIT_MS);
      this.#child.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    const reason = this.#verdict ?? (signal === null ? `it exited with code ${code}` : `${signal} ended it`);
    this.#lose(signal, reason, { exitCode: code, signal });
  }

  #lose(signal: NodeJS.Signals | null, reason: string, details: Readonly<Record<string, unknown>> = {}): void {
    const { memory, note, environment } = this.#place;
    rmSync(note, { force: true });
    if (memory.interpreter === this.#child.pid) memory.interpreter = 0;
    const said = this.#output.tail();
    const message = `the Python interpreter ended while it ran the task: ${reason}`
      + otherVersion(environment['GC_USER_PYTHON_VERSION'], this.#version)
      + (said === '' ? '' : `; the end of its standard error: ${said}`);
    this.#loss = { type: 'lost', signal, error: new ComputeError('WORKER_LOST', message, { details }) };
    this.#line.destroy();
    this.#onFrame?.(this.#loss);
  }
}

/** What the user's Python is, where that may be the reason: byte code runs under its own minor version only. */
function otherVersion(users: string | undefined, own: string | undefined): string {
  const minor = (version: string): string => version.split('.', 2).join('.');
  if (users === undefined || own === undefined || minor(users) === minor(own)) return '';
  return `; it is Python ${own} and the user's is ${users}, whose functions may only run here if they come as source`;
}

function whyNot(frame: FromInterpreter | Loss | undefined): string {
  if (frame === undefined) return `it did not begin within ${START_MAX_MS / 1000} s`;
  if (frame.type === 'lost') return frame.error.message.replace('while it ran the task', 'at its start');
  if (frame.type !== 'unusable') return 'it said something else than was asked';
  const { about: { executable, version }, missing, error } = frame;
  if (missing.length === 0) return `Python ${version} failed at its start: ${error}`;
  const packages = missing.map((name) => name.replaceAll('_', '-'));
  return `Python ${version} has no ${packages.join(' and no ')}: install globus-compute-sdk for it `
    + `(${executable} -m pip install globus-compute-sdk), or name another environment in worker_init`;
}

async function groupGone(pid: number, withinMs: number): Promise<void> {
  for (const end = performance.now() + withinMs; performance.now() < end;) {
    try {
      process.kill(-pid, 0);
    } catch {
      return; // nothing of it is left
    }
    // oxlint-disable-next-line no-await-in-loop -- until it has gone
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
