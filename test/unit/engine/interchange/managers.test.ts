import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManagerTable, summaryOf, type ManagerRecord } from '../../../../engine/interchange/managers.ts';
import type { BlockId, ManagerId } from '../../../../src/common/protocol.ts';

function add(table: ManagerTable, peer: string, slots: number, window = slots, block = '0'): ManagerRecord {
  return table.add({
    peer, id: peer as ManagerId, block: block as BlockId, node: 'node', pid: 1, slots, workers: slots, window,
    endsAtMs: undefined, draining: false, seenAtMs: 0,
  }, 0);
}

test('free slots come before lines, each in turn', () => {
  const table = new ManagerTable();
  const a = add(table, 'a', 1, 5);
  const b = add(table, 'b', 2);
  const give = (record: ManagerRecord | undefined): string | undefined => {
    if (record !== undefined) table.update(record, 0, (one) => { one.held++; });
    return record?.peer;
  };
  const served = Array.from({ length: 8 }, () => give(table.next(new Set())));
  assert.deepEqual(served, ['a', 'b', 'b', 'a', 'a', 'a', 'a', undefined]);
  assert.deepEqual([a.held, b.held, table.freeSlots, table.inLine], [5, 2, 0, 4]);
});

test('where it is asked for, the newest block by number is served first', () => {
  const table = new ManagerTable();
  add(table, 'a', 1, 9, '9');
  const newest = add(table, 'b', 1, 9, '10');
  add(table, 'c', 1, 9, '2');
  assert.equal(table.next(new Set(), true), newest);
  assert.equal(table.next(new Set([newest]), true)?.peer, 'a');
  table.update(newest, 0, (one) => { one.held = 1; });
  assert.equal(table.next(new Set(), true)?.peer, 'a', 'a free slot elsewhere comes before its line');
});

test('who is idle, and since when', () => {
  const table = new ManagerTable();
  const a = add(table, 'a', 1);
  assert.equal(summaryOf(a).idleSinceMs, 0);
  table.update(a, 5, (one) => { one.held = 1; });
  assert.equal('idleSinceMs' in summaryOf(a), false);
  table.update(a, 9, (one) => { one.held = 0; });
  table.update(a, 12, (one) => { one.window = 7; });
  assert.equal(summaryOf(a).idleSinceMs, 9);
});

const change = fc.record({
  who: fc.nat(4), held: fc.option(fc.nat(12)), window: fc.option(fc.nat(12)),
  draining: fc.option(fc.boolean()), away: fc.option(fc.boolean()), remove: fc.constantFrom(false, false, false, true),
});

test('the sums over all managers never drift from what the managers are', () => {
  fc.assert(fc.property(fc.array(change, { maxLength: 80 }), (changes) => {
    const table = new ManagerTable();
    const records = new Map<number, ManagerRecord>();
    for (const { who, held, window, draining, away, remove } of changes) {
      const record = records.get(who) ?? add(table, String(who), who + 1);
      records.set(who, record);
      if (remove) {
        table.remove(record);
        records.delete(who);
      } else {
        table.update(record, 0, (one) => {
          one.held = held ?? one.held;
          one.window = window ?? one.window;
          one.draining = draining ?? one.draining;
          one.awayAtMs = away === null ? one.awayAtMs : away ? 1 : undefined;
        });
      }
      checkSums(table, [...records.values()]);
    }
  }), { numRuns: 200 });
});

function checkSums(table: ManagerTable, records: readonly ManagerRecord[]): void {
  const takes = records.filter(({ draining, awayAtMs }) => !draining && awayAtMs === undefined);
  const open = takes.filter(({ slots, held }) => held < slots);
  const spare = takes.filter(({ slots, held, window }) => held >= slots && window > held);
  assert.deepEqual(
    { free: table.freeSlots, line: table.inLine, takers: table.takers, known: table.byPeer.size },
    {
      free: open.reduce((sum, { slots, held }) => sum + slots - held, 0),
      line: records.reduce((sum, { slots, held }) => sum + Math.max(0, held - slots), 0),
      takers: open.length + spare.length, known: records.length,
    },
  );
  const next = table.next(new Set());
  const first = open.length > 0 ? open : spare;
  assert.ok(next === undefined ? first.length === 0 : first.includes(next));
  for (const record of records) assert.equal(table.bySerial(record.serial), record);
}
