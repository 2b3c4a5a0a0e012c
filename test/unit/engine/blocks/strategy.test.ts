import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BlockId } from '../../../../src/common/protocol.ts';
import { decide, desiredBlocks, type BlockView, type Policy, type View } from '../../../../engine/blocks/strategy.ts';

const NOW = 1_000_000;
const IDLE = 120_000;

const policy = (change: Partial<Policy> = {}): Policy => ({
  strategy: 'simple', min_blocks: 0, max_blocks: 20, nodes_per_block: 1, parallelism: 1, idleMsMax: IDLE, ...change,
});
const id = (n: number): BlockId => String(n) as BlockId;
const queued = (n: number): BlockView => ({ block: id(n), queued: true, ending: false, managers: 0, held: 0 });
const busy = (n: number, held = 1): BlockView => ({ block: id(n), queued: false, ending: false, managers: 1, held });
const idle = (n: number, ms: number): BlockView =>
  ({ block: id(n), queued: false, ending: false, managers: 1, held: 0, idleSinceMs: NOW - ms });
const ending = (n: number): BlockView => ({ ...busy(n), ending: true });
const view = (tasks: number, blocks: readonly BlockView[], change: Partial<View> = {}): View =>
  ({ now: NOW, tasks, workersPerNode: 1, blocks, ...change });
const empty = { emptySinceMs: NOW - IDLE, surplusSinceMs: NOW - IDLE };

/** Tasks, workers per node → blocks. */
const converging = [[14, 48, 1], [1, 1, 1], [100, 1, 20], [47, 48, 1], [48, 48, 1], [49, 48, 2], [149, 50, 3]] as const;
for (const strategy of ['simple', 'htex_auto_scale'] as const) {
  for (const [tasks, workersPerNode, blocks] of converging) {
    test(`${strategy}: ${tasks} tasks on ${workersPerNode} workers a block get ${blocks} blocks, and no more`, () => {
      const rules = policy({ strategy });
      assert.deepEqual(decide(view(tasks, [], { workersPerNode }), rules), { type: 'scale-out', count: blocks });
      const all = Array.from({ length: blocks }, (_, n) => queued(n));
      assert.deepEqual(decide(view(tasks, all, { workersPerNode, ...empty }), rules), { type: 'hold' });
      const drop = decide(view(0, all, { workersPerNode, ...empty }), rules);
      assert.equal(drop.type === 'scale-in' && drop.blocks.length, blocks);
    });
  }
}

const eager = [[0, 10, 1], [0.5, 5, 2], [0.5, 4, 1], [1, 5, 3], [0.1, 30, 2], [0.1, 3, 1]] as const;
for (const [parallelism, tasks, blocks] of eager) {
  test(`parallelism ${parallelism} gives ${tasks} tasks ${blocks} blocks of two workers`, () => {
    const rules = policy({ parallelism, nodes_per_block: 2, max_blocks: 4 });
    assert.equal(desiredBlocks(view(tasks, []), rules), blocks);
  });
}

test('no strategy, or max_blocks 0, changes nothing', () => {
  for (const rules of [policy({ strategy: 'none' }), policy({ max_blocks: 0 })]) {
    assert.deepEqual(decide(view(10, []), rules), { type: 'hold' });
    assert.deepEqual(decide(view(0, [idle(0, IDLE)], empty), rules), { type: 'hold' });
  }
});

test('min_blocks are kept while there is nothing to do', () => {
  const rules = policy({ min_blocks: 2 });
  assert.deepEqual(decide(view(0, []), rules), { type: 'scale-out', count: 2 });
  const three = view(0, [idle(0, IDLE), queued(1), idle(2, IDLE)], empty);
  assert.deepEqual(decide(three, rules), { type: 'scale-in', blocks: [id(1)] });
});

test('a block on its way out has its place but serves nothing', () => {
  assert.deepEqual(decide(view(2, [ending(0)]), policy({ max_blocks: 2 })), { type: 'scale-out', count: 1 });
  assert.deepEqual(decide(view(2, [ending(0), ending(1)]), policy({ max_blocks: 2 })), { type: 'hold' });
});

test('simple gives back only when there has been nothing to do for long', () => {
  const blocks = [idle(0, IDLE), busy(1)];
  assert.deepEqual(decide(view(1, blocks, { surplusSinceMs: NOW - IDLE }), policy()), { type: 'hold' });
  assert.deepEqual(decide(view(0, [idle(0, IDLE)], { emptySinceMs: NOW - IDLE + 1 }), policy()), { type: 'hold' });
  assert.deepEqual(decide(view(0, [idle(0, 1)], empty), policy()), { type: 'scale-in', blocks: [id(0)] });
});

test('htex_auto_scale gives back what is idle while others work', () => {
  const rules = policy({ strategy: 'htex_auto_scale' });
  const blocks = [idle(0, IDLE), busy(1), idle(2, IDLE + 5), idle(3, IDLE - 1), busy(4)];
  assert.deepEqual(decide(view(2, blocks), rules), { type: 'scale-in', blocks: [id(2), id(0)] });
});

test('where others have long had room for what a block works on, it is drained: that with the fewest tasks', () => {
  const rules = policy({ strategy: 'htex_auto_scale' });
  const blocks = [busy(0, 4), busy(1, 1), busy(2, 3)];
  const little = { workersPerNode: 8, surplusSinceMs: NOW - IDLE };
  assert.deepEqual(decide(view(8, blocks, little), rules), { type: 'scale-in', blocks: [id(1), id(2)] });
  assert.deepEqual(decide(view(9, blocks, little), rules), { type: 'scale-in', blocks: [id(1)] });
  assert.deepEqual(decide(view(8, blocks, { ...little, surplusSinceMs: NOW - IDLE + 1 }), rules), { type: 'hold' });
  assert.deepEqual(decide(view(8, [...blocks, idle(3, 1)], little), rules),
    { type: 'scale-in', blocks: [id(3), id(1), id(2)] });
  assert.deepEqual(decide(view(8, blocks, little), policy()), { type: 'hold' }, 'simple leaves them');
});

test('a block is replaced as long before its end as another takes to come, unless all is done by then', () => {
  const block = (leftMs: number): BlockView => ({ ...busy(0, 8), endsAtMs: NOW + leftMs });
  const seen = (leftMs: number, change: Partial<View> = {}): View =>
    view(80, [block(leftMs)], { workersPerNode: 100, runMs: 600_000, leadMs: 300_000, ...change });
  const rules = policy();
  assert.deepEqual(decide(seen(300_001), rules), { type: 'hold' });
  assert.deepEqual(decide(seen(300_000), rules), { type: 'scale-out', count: 1 });
  assert.deepEqual(decide(seen(300_000), policy({ max_blocks: 1 })), { type: 'hold' }, 'never above max_blocks');
  assert.deepEqual(decide(seen(300_000, { runMs: 10_000 }), rules), { type: 'hold' }, 'they will be done');
  const asked = [block(1000), queued(1)];
  assert.deepEqual(decide({ ...seen(0), blocks: asked, ...empty }, rules), { type: 'hold' }, 'asked for once');
});

test('a block is not asked for that could only come when what waits has started', () => {
  const blocks = [busy(0, 8)];
  const waiting = (count: number, change: Partial<View> = {}): View =>
    view(8 + count, blocks, { workersPerNode: 8, runMs: 10_000, leadMs: 60_000, pressedSinceMs: NOW, ...change });
  const rules = policy();
  assert.deepEqual(decide(waiting(48), rules), { type: 'hold' }, '48 tasks of 10 s on 8 slots start within 60 s');
  assert.equal(decide(waiting(49), rules).type, 'scale-out');
  assert.equal(decide(waiting(48, { pressedSinceMs: NOW - 60_000 }), rules).type, 'scale-out', 'the guess was wrong');
  assert.equal(decide({ ...waiting(48), blocks: [queued(0)] }, rules).type, 'scale-out', 'nobody works yet');
  assert.equal(decide(waiting(48), policy({ min_blocks: 2 })).type, 'scale-out', 'min_blocks are kept');
  const unlearned = view(56, blocks, { workersPerNode: 8, leadMs: 60_000, pressedSinceMs: NOW });
  assert.equal(decide(unlearned, rules).type, 'scale-out');
});

test('queued blocks go before started ones, the newest by number first', () => {
  const rules = policy({ strategy: 'htex_auto_scale' });
  const blocks = [busy(0), idle(1, IDLE), queued(9), queued(10), queued(2)];
  assert.deepEqual(decide(view(3, blocks, empty), rules), { type: 'scale-in', blocks: [id(10), id(9)] });
});

test('a queued block that is too many goes only after it has been so for long', () => {
  const rules = policy({ strategy: 'htex_auto_scale' });
  assert.deepEqual(decide(view(1, [busy(0), queued(1)], { surplusSinceMs: NOW - 1 }), rules), { type: 'hold' });
  assert.deepEqual(decide(view(1, [busy(0), queued(1)], empty), rules), { type: 'scale-in', blocks: [id(1)] });
});

test('one queued block that is larger than the demand is not given back', () => {
  const rules = policy({ strategy: 'htex_auto_scale' });
  assert.deepEqual(decide(view(14, [queued(0)], { workersPerNode: 48, ...empty }), rules), { type: 'hold' });
});

const blockViews = fc.array(fc.record({
  queued: fc.boolean(), ending: fc.boolean(), held: fc.nat(3), idleMs: fc.nat(2 * IDLE),
}), { maxLength: 12 }).map((blocks) => blocks.map(({ idleMs, ...block }, n): BlockView => ({
  block: id(n), queued: block.queued, ending: block.ending,
  managers: block.queued ? 0 : 1, held: block.queued ? 0 : block.held,
  ...(block.queued || block.held > 0 ? {} : { idleSinceMs: NOW - idleMs }),
})));
const policies = fc.record({
  strategy: fc.constantFrom('none', 'simple', 'htex_auto_scale'), max_blocks: fc.nat(10), min: fc.nat(10),
  nodes_per_block: fc.integer({ min: 1, max: 3 }), parallelism: fc.constantFrom(0, 0.1, 0.5, 1),
}).map(({ min, ...rest }) => policy({ ...rest, min_blocks: Math.min(min, rest.max_blocks) }));

test('whatever there is: never above max_blocks, never below the demand, never a task killed, never twice', () => {
  const counts = fc.record({ tasks: fc.nat(50), workersPerNode: fc.nat(4), ms: fc.nat(2 * IDLE) });
  fc.assert(fc.property(blockViews, policies, counts, (blocks, rules, { tasks, workersPerNode, ms }) => {
    const since = { surplusSinceMs: NOW - ms, ...(tasks === 0 ? { emptySinceMs: NOW - ms } : {}) };
    const seen = view(tasks, blocks, { workersPerNode, ...since });
    const decision = decide(seen, rules);
    const desired = desiredBlocks(seen, rules);
    const serving = blocks.filter((block) => !block.ending);
    if (decision.type === 'scale-out') {
      assert.ok(decision.count > 0 && blocks.length + decision.count <= rules.max_blocks);
      assert.ok(serving.length + decision.count <= desired);
      const more = Array.from({ length: decision.count }, (_, n) => queued(100 + n));
      assert.notEqual(decide({ ...seen, blocks: [...blocks, ...more] }, rules).type, 'scale-in');
    }
    if (decision.type === 'scale-in') {
      assert.ok(decision.blocks.length > 0 && serving.length - decision.blocks.length >= desired);
      const gone = blocks.filter(({ block }) => decision.blocks.includes(block));
      assert.ok(gone.every((block) => !block.ending));
      const stay = serving.filter(({ block, queued: waits }) => !waits && !decision.blocks.includes(block));
      for (const { held } of gone.filter((block) => block.held > 0)) {
        // It finishes them; it is not cancelled before.
        assert.ok(rules.strategy === 'htex_auto_scale' && ms >= IDLE && stay.every((block) => block.held >= held));
      }
      const left = blocks.map((block) => (decision.blocks.includes(block.block) ? { ...block, ending: true } : block));
      assert.deepEqual(decide({ ...seen, blocks: left }, rules), { type: 'hold' });
    }
  }), { numRuns: 2000 });
});
