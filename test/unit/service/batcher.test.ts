import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComputeError } from '../../../src/common/errors.ts';
import { Batcher, isAboutValues } from '../../../src/service/batcher.ts';

const poison = new ComputeError('STORAGE_FAILED', 'value', { details: { state: '22021' } });

function batcherOf(limits: { itemsMax?: number; sizeMax?: number; delayMs?: number } = {}) {
  const writes: (readonly string[])[] = [];
  const batcher = new Batcher<string, string>({
    write: async (items) => {
      writes.push(items);
      if (items.includes('down')) throw new Error('lost');
      if (items.includes('poison')) throw poison;
      return items.map((item) => item.toUpperCase());
    },
    sizeOf: (item) => item.length, itemsMax: 100, sizeMax: 100, isItemsFault: isAboutValues, ...limits,
  });
  return { writes, batcher };
}

test('what comes together is written together, and what comes meanwhile goes with the next', async () => {
  const { writes, batcher } = batcherOf();
  const first = [batcher.add('a'), batcher.add('b')];
  const later = Promise.all(first).then(() => batcher.add('d'));
  first.push(batcher.add('c'));
  assert.deepEqual(await Promise.all(first), ['A', 'B', 'C']);
  assert.equal(await later, 'D');
  await batcher.idle();
  assert.deepEqual(writes, [['a', 'b', 'c'], ['d']]);
});

test('a write has its limits, in items and in size, and takes at least one', async () => {
  const { writes, batcher } = batcherOf({ itemsMax: 2, sizeMax: 5 });
  await Promise.all(['aaa', 'bb', 'c', 'much-too-long', 'd'].map((item) => batcher.add(item)));
  assert.deepEqual(writes, [['aaa', 'bb'], ['c'], ['much-too-long'], ['d']]);
});

test('one that cannot be written does not keep the others from it', async () => {
  const { batcher } = batcherOf();
  const settled = await Promise.allSettled(['a', 'poison', 'b'].map((item) => batcher.add(item)));
  assert.deepEqual(settled.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled']);
});

test('a failure that is nobody’s fault fails all of the write, and the next is tried', async () => {
  const { writes, batcher } = batcherOf();
  const settled = await Promise.allSettled(['a', 'down'].map((item) => batcher.add(item)));
  assert.deepEqual(settled.map(({ status }) => status), ['rejected', 'rejected']);
  assert.equal(await batcher.add('b'), 'B');
  assert.deepEqual(writes, [['a', 'down'], ['b']]);
});

test('what is delayed is written when there is enough of it, or when somebody hurries', async () => {
  const { writes, batcher } = batcherOf({ itemsMax: 2, delayMs: 3_600_000 });
  await Promise.all(['a', 'b'].map((item) => batcher.add(item)));
  const third = batcher.add('c');
  batcher.hurry();
  assert.equal(await third, 'C');
  batcher.hurry();
  const fourth = batcher.add('d');
  batcher.hurry();
  assert.equal(await fourth, 'D');
  assert.deepEqual(writes, [['a', 'b'], ['c'], ['d']]);
});
