import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../../src/common/clock.ts';
import { Recorder } from '../../../src/cli/recorder.ts';

const clock: Clock = { now: () => 0, sleep: () => Promise.resolve(), every: () => () => { /* nothing runs */ } };

interface Setup {
  readonly appendFails?: boolean;
  readonly writeFails?: boolean;
}

function setUp({ appendFails = false, writeFails = false }: Setup = {}) {
  const events: string[] = [];
  const recorder = new Recorder<{ readonly line: string }>({
    journal: {
      append: async (lines) => {
        events.push(`append ${lines.join(' ')}`);
        if (appendFails) throw new Error('disk full');
      },
    },
    output: {
      begin: async () => { /* not called */ },
      write: async (text) => {
        events.push(`write ${text.trimEnd().split('\n').join(' ')}`);
        if (writeFails) throw new Error('disk full');
      },
      finish: async () => { /* not called */ },
      close: async () => { /* not called */ },
    },
    clock,
    onRecorded: (entries) => events.push(`recorded ${entries.map(({ line }) => line).join(' ')}`),
    onFailed: (error, lost) => events.push(`failed ${String(error)} ${lost.map(({ line }) => line).join(' ')}`),
  });
  return { recorder, events };
}

test('lines that come together are written together, journal first', async () => {
  const { recorder, events } = setUp();
  recorder.add({ line: 'a' });
  recorder.add({ line: 'b' });
  await recorder.flush();
  recorder.add({ line: 'c' });
  await recorder.flush();
  assert.deepEqual(events, ['append a b', 'write a b', 'recorded a b', 'append c', 'write c', 'recorded c']);
});

test('what the journal did not take is not written, and is lost like all that comes after', async () => {
  const { recorder, events } = setUp({ appendFails: true });
  recorder.add({ line: 'a' });
  await recorder.flush();
  recorder.add({ line: 'b' });
  await recorder.flush();
  assert.deepEqual(events, ['append a', 'failed Error: disk full a', 'failed Error: disk full b']);
});

test('what the output did not take is not recorded', async () => {
  const { recorder, events } = setUp({ writeFails: true });
  recorder.add({ line: 'a' });
  await recorder.flush();
  assert.deepEqual(events, ['append a', 'write a', 'failed Error: disk full a']);
});
