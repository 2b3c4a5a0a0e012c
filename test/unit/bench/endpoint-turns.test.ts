import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Effort } from '../../../bench/effort.ts';
import { measureInTurns, type Contender } from '../../../bench/endpoint/measure.ts';

const EFFORT: Effort = {
  quick: false, python: undefined, peer: 'agent', partition: undefined, databaseUrl: undefined, directory: '/nowhere',
  signal: new AbortController().signal, progress: () => { /* nobody waits */ },
};

/** Who serves a request a second, and whose messages come after `latencyMs`. */
function contender(name: string, latencyMs: number, notes: string[]): Contender {
  let firstS = 0;
  return {
    name, runsTasks: name === 'a',
    script: {
      first: async () => ++firstS,
      throughput: async (tasks, batchSize) => (
        { tasks, seconds: tasks / batchSize, sdk_cpu_s: tasks / 1000 }),
      backlog: async (tasks) => ({ tasks, seconds: tasks / 10 }),
      latency: async (count) => {
        notes.push(`${name} at work`);
        return { messages_ms: Array.from({ length: count }, () => latencyMs), futures_ms: [500] };
      },
    },
    start: () => { notes.push(`${name} starts`); },
    stop: async () => { notes.push(`${name} stops`); },
    [Symbol.asyncDispose]: async () => { /* nothing was opened */ },
  };
}

test('of several endpoints one runs at a time, and who is first changes', async () => {
  const notes: string[] = [];
  const { a, b } = await measureInTurns({ a: contender('a', 7, notes), b: contender('b', 9, notes) }, EFFORT);
  const turn = (name: string): string[] => [`${name} starts`, `${name} at work`, `${name} stops`];
  assert.deepEqual(notes, ['a', 'b', 'b', 'a', 'a', 'b'].flatMap(turn));
  assert.deepEqual([a.tasks_per_s?.samples, b.tasks_per_s, a.tasks, a.p50_ms, b.p50_ms],
    [[10, 10, 10], undefined, 5000, 7, 9]);
  assert.deepEqual([a.submitted_per_s.samples, a.default_submitted_per_s.samples], [[1000, 1000, 1000],
    [128, 128, 128]]);
  assert.deepEqual([a.first_result_s.samples, a.future_p50_ms, a.sdk_cpu_us_per_task], [[1, 2, 3], 500, 1000]);
});

test('an endpoint that does not start ends the measurement', async () => {
  const broken = { ...contender('a', 1, []), start: () => Promise.reject(new Error('no broker')) };
  await assert.rejects(measureInTurns({ broken }, EFFORT), /no broker/);
});
