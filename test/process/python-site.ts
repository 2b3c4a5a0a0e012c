// An engine for Python tasks, and the field's own SDK on both ends: it packs what is submitted and reads what comes
// back, in a process of its own. Its agent's code says what the same task gives there.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Engine } from '../../engine/engine.ts';
import { parseEngineConfig } from '../../engine/config.ts';
import { decodePayload, encodePayload, reviveFailure } from '../../src/common/payload.ts';
import type { Failure, Footprint, Kind, PythonDefinition, PythonResult, TaskId } from '../../src/common/protocol.ts';
import { pythonVenv } from '../python-venv.ts';
import { engineOf, until, within, withRun, type EngineKeys, type Process } from './harness.ts';
import { PYTHON_FUNCTIONS } from './python-functions.ts';

export interface Submitted extends Promise<PythonResult> {
  readonly id: TaskId;
  /** The field's id. */
  readonly task: string;
}

export interface PythonSite {
  readonly engine: Engine;
  readonly directory: string;
  /** Where tasks run, unless their definition says otherwise. */
  readonly workingDirectory: string;
  readonly processes: () => Process[];
  readonly sdk: Sdk;
  /** A function of python-functions.ts, ready to be submitted. */
  readonly define: (name: string, options?: DefineOptions) => Promise<Kind>;
  readonly submit: (kind: Kind, payload: string) => Submitted;
  /** Packs the arguments, submits, and gives the value back as the SDK reads it. */
  readonly run: (kind: Kind, ...args: unknown[]) => Promise<unknown>;
  readonly managers: () => Promise<number[]>;
  /** What managers and blocks have written to standard error. */
  readonly output: () => string;
}

export interface DefineOptions extends Partial<Omit<PythonDefinition, 'form' | 'name'>> {
  readonly strategy?: string;
  readonly timeoutMs?: number;
  readonly retries?: number;
  readonly footprint?: Footprint;
}

export interface Sdk {
  /** A function, packed: by name, or a Python expression. */
  code(expression: string, strategy?: string): Promise<string>;
  payload(args: readonly unknown[], kwargs?: Readonly<Record<string, unknown>>, strategy?: string): Promise<string>;
  /** A result's data as a value that JSON has. */
  read(data: string): Promise<unknown>;
  /** What the field's agent makes of the task. */
  agent(order: AgentOrder): Promise<{ readonly data: string; readonly error: unknown; readonly details: unknown }>;
}

export interface AgentOrder {
  readonly code: string;
  readonly payload: string;
  readonly directory: string;
  readonly allowed?: readonly string[];
  readonly serializers?: readonly string[];
}

export function withPython(
  keys: EngineKeys, use: (site: PythonSite) => Promise<void>, environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  return withRun(async (directory, processes) => {
    const { python } = await pythonVenv();
    const wanted = { PATH: `${dirname(python)}:${process.env['PATH']}`, ...environment };
    const before = Object.keys(wanted).map((name) => [name, process.env[name]] as const);
    Object.assign(process.env, wanted);
    const script = join(directory, 'functions.py');
    writeFileSync(script, PYTHON_FUNCTIONS);
    await using sdk = openSdk(python, script);
    const engine = new Engine({ config: parseEngineConfig(engineOf(keys)), directory });
    try {
      await engine.start();
      await use(siteOf({ engine, directory, processes, sdk }));
    } finally {
      await within(20_000, 'closing the engine', engine.close('cancel'));
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });
}

function siteOf(deps: Pick<PythonSite, 'engine' | 'directory' | 'processes' | 'sdk'>): PythonSite {
  const { engine, directory, sdk } = deps;
  const workingDirectory = join(directory, 'tasks_working_dir');
  const submit = (kind: Kind, payload: string): Submitted => submitTo(engine, kind, payload);
  return {
    ...deps, workingDirectory, submit,
    define: async (name, { strategy, timeoutMs = 0, retries = 0, footprint, ...options } = {}) => ({
      fn: engine.define({
        form: 'python', name, code: options.code ?? await sdk.code(name, strategy), resultSerializers: [],
        allowedSerializers: [], directory: workingDirectory, sandbox: false, ...options,
      }),
      timeoutMs, retries, minRemainingMs: 0, ...(footprint === undefined ? {} : { footprint }),
    }),
    run: async (kind, ...args) => {
      const { data, failure } = await submit(kind, await sdk.payload(args));
      assert.equal(failure, undefined, data);
      return sdk.read(data);
    },
    managers: () => until('a manager', () => {
      const pids = engine.status().managers.map(({ pid }) => pid);
      return pids.length > 0 && pids;
    }),
    output: () => readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.includes('block') && statSync(join(directory, name)).isFile())
      .map((name) => readFileSync(join(directory, name), 'utf8')).join(''),
  };
}

function submitTo(engine: Engine, kind: Kind, payload: string): Submitted {
  const task: string = randomUUID();
  const { bytes, buffers } = encodePayload([task, payload]);
  let id = 0 as TaskId; // until the engine has given it one
  const promise = new Promise<PythonResult>((resolve, reject) => {
    const fail = (failure: Failure): void => reject(reviveFailure(failure));
    id = engine.submit(kind, bytes, buffers, {
      onOutcome: (ok, outcome, { buffers: large }) => {
        const value = decodePayload(outcome, large);
        if (ok) resolve(value as PythonResult); // made by our own runner
        else fail(value as Failure); // made by our own worker
      },
      onFailure: fail,
    });
  });
  promise.catch(() => { /* whoever awaits it hears of it */ });
  return Object.assign(promise, { id, task });
}

/** One question at a time. */
function openSdk(python: string, script: string): Sdk & AsyncDisposable {
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let turn: Promise<unknown> = Promise.resolve();
  const ask = <T>(order: unknown): Promise<T> => {
    const answer = turn.then(async () => {
      child.stdin.write(`${JSON.stringify(order)}\n`);
      const { value, done } = await lines.next();
      assert.ok(done !== true, 'the SDK\'s process ended');
      const { answer: given, error } = JSON.parse(value) as { answer?: T; error?: string };
      assert.equal(error, undefined, error);
      return given as T; // as the script makes it
    });
    turn = answer.catch(() => { /* the one who asked is told */ });
    return answer;
  };
  return {
    code: (expression, strategy) => ask({ code: expression, strategy }),
    payload: (args, kwargs = {}, strategy) => ask({ args, kwargs, strategy }),
    read: (data) => ask({ read: data }),
    agent: (order) => ask({ agent: order }),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}
