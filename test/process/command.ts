// `switchyard`, started as a person would start it.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
export const FUNCTIONS = fileURLToPath(new URL('../../../test/fixtures/run/functions.mjs', import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Ends with its block, at the latest. */
export interface Started extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What it has said so far. */
  readonly texts: { readonly stdout: string; readonly stderr: string };
}

export interface StartOptions {
  readonly cwd: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Of another installation than the one of these tests. */
  readonly main?: string;
}

/** In a process group of its own: a signal to the test is none to it. */
export function start(args: readonly string[], { cwd, input, env, main = MAIN }: StartOptions): Started {
  const child = spawn(process.execPath, [main, ...args], {
    cwd, env: { ...homeIn(cwd), ...env }, detached: true, stdio: 'pipe',
  });
  const texts = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => { texts.stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { texts.stderr += text; });
  child.stdin.on('error', () => { /* it ended before it read everything */ });
  if (input !== undefined) child.stdin.end(input);
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (status, signal) => resolve({ status, signal, ...texts }));
  });
  return {
    child,
    ended,
    texts,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

export async function switchyard(args: readonly string[], options: StartOptions): Promise<Ended> {
  await using run = start(args, { input: '', ...options });
  return await run.ended;
}

/** The engine keeps its run folders below the home directory: they go where the test's other files go. */
export function homeIn(directory: string): NodeJS.ProcessEnv {
  return { ...process.env, HOME: directory };
}

/** The lines of a result file, in its order. */
export function resultsIn(text: string): ResultLine[] {
  return text.trimEnd().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as ResultLine);
}

export interface ResultLine {
  readonly index: number;
  readonly input: unknown;
  readonly ok: boolean;
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string; readonly [more: string]: unknown };
}

/** It ended with this status, and said this: with 0 as what it was asked for, else in one line of what went wrong. */
export function says({ status, stdout, stderr }: Ended, wanted: number, text: RegExp): void {
  assert.equal(status, wanted, stdout + stderr);
  assert.match(wanted === 0 ? stdout : stderr, text);
  if (wanted !== 0) assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
}
