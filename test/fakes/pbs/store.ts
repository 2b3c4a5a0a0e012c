// The stand-in's memory: one file, and a lock, because its commands and jobs are processes of their own.

import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { State } from './records.ts';

const LOCK_WAIT_MS = 10_000;
const LOCK_LOOK_MS = 2;

export function readState(folder: string): State {
  return JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8')) as State; // only writeState writes it
}

export function writeState(folder: string, state: State): void {
  const path = join(folder, 'state.json');
  writeFileSync(`${path}.${process.pid}`, JSON.stringify(state));
  renameSync(`${path}.${process.pid}`, path);
}

/** Changes the state while nobody else does. */
export function change<T>(folder: string, work: (state: State) => T): T {
  const lock = join(folder, 'lock');
  acquire(lock);
  try {
    const state = readState(folder);
    const result = work(state);
    writeState(folder, state);
    return result;
  } finally {
    rmSync(lock, { force: true });
  }
}

function acquire(lock: string): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (const end = Date.now() + LOCK_WAIT_MS; ;) {
    try {
      const file = openSync(lock, 'wx');
      writeFileSync(file, String(process.pid));
      closeSync(file);
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      if (Date.now() > end) throw new Error(`the stand-in's lock ${lock} was not given back`, { cause: error });
      breakStale(lock);
      Atomics.wait(cell, 0, 0, LOCK_LOOK_MS);
    }
  }
}

/** A client that was killed, as engines do with commands that take too long, cannot give it back. */
function breakStale(lock: string): void {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    if (pid > 0) process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') rmSync(lock, { force: true });
  }
}
