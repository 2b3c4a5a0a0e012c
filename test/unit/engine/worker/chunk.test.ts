import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { test } from 'node:test';
import { Board } from '../../../../engine/worker/board.ts';
import { Chunk } from '../../../../engine/worker/chunk.ts';
import { SLOT_BYTES, SLOT_STATE, SlotMemory } from '../../../../src/common/slot-memory.ts';
import type { Assignment, FunctionId } from '../../../../src/common/protocol.ts';

const { queued, running, done, recalled, killed } = SLOT_STATE;

/** The interpreter's side: what it writes to the board. */
class Interpreter {
  readonly board: Board;
  #used = 0;

  constructor(board: Board) {
    this.board = board;
  }

  word(at: number, value: number): void {
    writeSync(this.board.fd, Buffer.from(Uint32Array.of(value).buffer), 0, 4, at);
  }

  begin(chunk: number): void {
    this.word(4, 0);
    this.word(16, 0);
    this.word(0, chunk);
  }

  start(position: number, atMs: number): void {
    writeSync(this.board.fd, Buffer.from(Float64Array.of(atMs).buffer), 0, 8, 8);
    this.word(4, position + 1);
  }

  finish(position: number, outcome: string): void {
    const row = Buffer.alloc(24);
    row.writeDoubleLE(1000 + position, 0);
    row.writeDoubleLE(2, 8);
    row.writeUInt32LE(outcome.length, 16);
    writeSync(this.board.fd, row, 0, 24, 32 + 24 * position);
    writeSync(this.board.fd, outcome, 8192 + this.#used);
    this.#used += outcome.length;
    this.word(16, position + 1);
  }
}

function handed(count: number, recall: readonly number[] = []): {
  memory: SlotMemory; chunk: Chunk; board: Board; python: Interpreter; states: () => number[];
} {
  const memory = new SlotMemory(new SharedArrayBuffer(SLOT_BYTES));
  memory.arm(count, 900);
  for (let i = 0; i < count; i++) {
    memory.payloadSize[i] = 1;
    memory.payload[i] = i;
  }
  for (const index of recall) memory.recall(index);
  const assignment: Assignment = { fn: 'f' as FunctionId, count, timeoutMs: 0 };
  const chunk = Chunk.claim(memory, assignment, 1);
  assert.ok(chunk !== undefined);
  const board = new Board();
  const python = new Interpreter(board);
  python.begin(1);
  const states = (): number[] => Array.from({ length: count }, (_, i) => memory.state(i));
  return { memory, chunk, board, python, states };
}

test('what was recalled is not handed on, and payloads keep their tasks', () => {
  const { chunk, states, board } = handed(4, [1]);
  assert.deepEqual(chunk.indexes, [0, 2, 3]);
  assert.deepEqual(chunk.payloads.map(([byte]) => byte), [0, 2, 3]);
  assert.deepEqual(states(), [running, recalled, running, running]);
  board.close();
});

test('outcomes are collected in order, each with its times; the rest goes back', () => {
  const { chunk, memory, board, python, states } = handed(3);
  python.start(0, 1000);
  python.finish(0, 'one');
  python.finish(1, 'second');
  chunk.collect(2, board);
  chunk.giveBack(2);
  assert.deepEqual(states(), [done, done, queued]);
  assert.equal(Buffer.from(memory.data.subarray(0, 9)).toString(), 'onesecond');
  assert.deepEqual([...memory.size.subarray(0, 2)], [3, 6]);
  assert.deepEqual([...memory.started.subarray(0, 2)], [100, 101]);
  board.close();
});

test('an outcome that nobody wants any more leaves no gap between the others', () => {
  const { chunk, memory, board, python, states } = handed(3);
  python.finish(0, 'one');
  python.finish(1, 'unwanted');
  python.finish(2, 'three');
  memory.kill(1);
  chunk.collect(3, board);
  assert.deepEqual(states(), [done, killed, done]);
  assert.equal(Buffer.from(memory.data.subarray(0, 8)).toString(), 'onethree');
  assert.ok(chunk.killed);
  board.close();
});

test('of a dead interpreter only the task that ran is guilty; the others have ended, or never began', () => {
  const { chunk, board, python, states } = handed(4);
  python.finish(0, 'one');
  python.start(1, 1001);
  assert.equal(chunk.autopsy(board), 1);
  assert.deepEqual(states(), [done, running, running, running]);
  board.close();
});

test('an interpreter that died before it began with the chunk, or between two tasks, has no guilty one', () => {
  const { chunk, board, python } = handed(2);
  python.start(0, 1000);
  python.finish(0, 'one');
  assert.equal(chunk.autopsy(board), undefined);
  python.begin(99);
  python.start(1, 1000);
  assert.equal(chunk.autopsy(board), undefined);
  board.close();
});

test('what waits behind a long task is taken back two looks after it was seen to stand', () => {
  const { chunk, memory, board, python, states } = handed(4);
  python.start(0, 1000);
  python.finish(0, 'one');
  python.start(1, 1005);
  chunk.look(board);
  assert.deepEqual(states(), [running, running, running, running], 'believed only when it is seen again');
  chunk.look(board);
  assert.deepEqual(states(), [done, running, running, running]);
  assert.equal(memory.started[1], 105);
  chunk.look(board);
  assert.deepEqual(states(), [done, running, queued, queued]);
  board.close();
});

test('a task that began in the moment in which the limit was set is not taken back', () => {
  const { chunk, board, python, states } = handed(4);
  python.start(0, 1000);
  chunk.look(board);
  chunk.look(board);
  python.finish(0, 'one');
  python.start(1, 1005);
  chunk.look(board);
  assert.deepEqual(states(), [running, running, queued, queued]);
  python.finish(1, 'two');
  chunk.collect(2, board);
  chunk.giveBack(2);
  assert.deepEqual(states(), [done, done, queued, queued]);
  board.close();
});

test('a chunk that lasts is cut although it goes on, and the task that runs is not taken for older than it is', () => {
  const { chunk, memory, board, python, states } = handed(12);
  for (let look = 0; look < 7; look++) {
    python.start(look, 1000 + 10 * look);
    chunk.look(board);
    python.finish(look, 'x');
  }
  assert.deepEqual(states().slice(0, 7), [done, done, done, done, done, running, running]);
  assert.deepEqual(states().slice(7), Array.from({ length: 5 }, () => queued));
  assert.equal(memory.started[6], 160);
  board.close();
});
