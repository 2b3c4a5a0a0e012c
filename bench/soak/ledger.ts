// What every task of a soak came to, and whether that is what had to come of it.

import { readFileSync } from 'node:fs';
import { ComputeError } from '../../src/sdk/index.ts';
import type { Fate } from './plan.ts';
import { NOTE_BYTES } from './task.ts';

/** Wrong outcomes that are described; the rest is counted. */
const DESCRIBED_MAX = 20;

export class Ledger {
  readonly outcomes: Record<string, number> = {};
  readonly wrong: string[] = [];
  settled = 0;
  #wrongCount = 0;
  /** Per task: how often it settled, and whether it may have been cancelled before it ran. */
  readonly #settled: Uint8Array;
  readonly #mayNotRun: Uint8Array;

  constructor(tasks: number) {
    this.#settled = new Uint8Array(tasks + 1);
    this.#mayNotRun = new Uint8Array(tasks + 1);
  }

  get wrongCount(): number {
    return this.#wrongCount;
  }

  onDone(id: number, fate: Fate, value: unknown): void {
    this.#count(id, 'done');
    const right = (fate === 'ok' || fate === 'cancel') && value === id;
    if (!right) this.#complain(`task ${id} (${fate}) gave ${String(value)}`);
  }

  onFailed(id: number, fate: Fate, error: unknown): void {
    const name = error instanceof ComputeError ? error.code : error instanceof Error ? error.name : 'unknown';
    this.#count(id, name);
    const expected: Record<Fate, readonly string[]> = {
      ok: [], raise: ['RangeError'], kill: ['WORKER_LOST'], cancel: ['TASK_CANCELLED'], hang: ['TASK_CANCELLED'],
    };
    if (name === 'TASK_CANCELLED') this.#mayNotRun[id] = 1;
    const says = error instanceof Error ? error.message : String(error);
    if (!expected[fate].includes(name) || (fate === 'raise' && says !== `task ${id}`)) {
      this.#complain(`task ${id} (${fate}) failed with ${name}: ${says}`);
    }
  }

  /** Looks over the whole: every task settled once and, unless it was cancelled, ran once. */
  close(notesPath: string): void {
    const ran = new Uint8Array(this.#settled.length);
    const notes = readFileSync(notesPath);
    for (let at = 0; at < notes.length; at += NOTE_BYTES) {
      const id = notes.readUInt32LE(at);
      ran[id] = (ran[id] ?? 0) + 1;
    }
    for (let id = 1; id < this.#settled.length; id++) {
      if (this.#settled[id] !== 1) this.#complain(`task ${id} settled ${this.#settled[id]} times`);
      const times = ran[id] ?? 0;
      if (times > 1 || (times === 0 && this.#mayNotRun[id] === 0)) this.#complain(`task ${id} ran ${times} times`);
    }
  }

  #count(id: number, outcome: string): void {
    this.settled++;
    this.#settled[id] = (this.#settled[id] ?? 0) + 1;
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
  }

  #complain(text: string): void {
    this.#wrongCount++;
    if (this.wrong.length < DESCRIBED_MAX) this.wrong.push(text);
  }
}
