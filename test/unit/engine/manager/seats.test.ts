import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Seats, type Equipment } from '../../../../engine/manager/seats.ts';
import { Slot } from '../../../../engine/manager/slot.ts';
import type { Footprint } from '../../../../src/common/protocol.ts';

const slots = (count: number): Slot[] => Array.from({ length: count }, (_, index) => new Slot(index));
const PLAIN: Equipment = { accelerators: [], cores: null, mpi: null };
const blockOf = (count: number): Equipment => ({
  ...PLAIN,
  mpi: { nodes: Array.from({ length: count }, (_, i) => `n${i}`), launch: { launcher: 'srun', mpiexec: 'hydra' } },
});
const nodes = (width: number): Footprint => ({ width, asked: { num_nodes: width } });

test('a task of several workers sees what their slots own together, and one of them works', () => {
  const seats = new Seats(slots(4), {
    accelerators: ['0', '1', '2,3', '2,3'], cores: [[0, 4], [1, 5], [2, 6], [3, 7]], mpi: null,
  });
  const slot = seats.take({ width: 3, asked: { cores: 6, gpus: 3 } });
  assert.deepEqual([slot?.index, slot?.seat?.others.map(({ index }) => index), seats.idle], [0, [1, 2], 1]);
  assert.deepEqual(slot?.seat?.place, {
    environment: {
      PARSL_CORES: '6', PARSL_GPUS: '3', CUDA_VISIBLE_DEVICES: '0,1,2,3', ROCR_VISIBLE_DEVICES: '0,1,2,3',
      ZE_AFFINITY_MASK: '0,1,2,3', ZE_ENABLE_PCI_ID_DEVICE_ORDER: '1',
    },
    cores: [0, 1, 2, 4, 5, 6],
  });
  assert.equal(seats.take({ width: 2, asked: {} }), undefined);
  assert.equal(seats.take(undefined)?.index, 3);
});

test('of eight nodes a task takes its own and gives them back', () => {
  const seats = new Seats(slots(8), blockOf(8));
  for (let width = 1; width <= 8; width++) {
    const slot = seats.take(nodes(width));
    assert.ok(slot);
    assert.equal(slot.seat?.place.environment['PARSL_MPI_NODELIST']?.split(',').length, width);
    assert.equal(seats.take(nodes(8 - width + 1)), undefined, 'one node more than are left');
    assert.equal(seats.idle, 7);
    seats.giveBack(slot);
    assert.equal(seats.idle, 8);
  }
});

test('no more tasks at a time than there are workers, however many nodes are free', () => {
  const seats = new Seats(slots(1), blockOf(4));
  const slot = seats.take(nodes(1));
  assert.ok(slot);
  assert.equal(seats.take(nodes(1)), undefined);
  seats.giveBack(slot);
  assert.ok(seats.take(nodes(4)));
});

test('whatever is taken and given back, no slot and no node is ever in two places, and none gets lost', () => {
  const step = fc.record({ width: fc.integer({ min: 1, max: 6 }), giveBack: fc.boolean(), which: fc.nat(9) });
  fc.assert(fc.property(fc.boolean(), fc.array(step, { maxLength: 60 }), (isMpi, steps) => {
    const seats = new Seats(slots(6), isMpi ? blockOf(6) : PLAIN);
    const taken: Slot[] = [];
    for (const { width, giveBack, which } of steps) {
      const [back] = giveBack ? taken.splice(which % Math.max(1, taken.length), 1) : [];
      if (back !== undefined) seats.giveBack(back);
      const slot = seats.take(nodes(width));
      if (slot !== undefined) taken.push(slot);
      const inUse = taken.flatMap(({ index, seat }) => [index, ...seat?.others.map((other) => other.index) ?? []]);
      assert.equal(new Set(inUse).size, inUse.length);
      const names = taken.flatMap(({ seat }) => seat?.place.environment['PARSL_MPI_NODELIST']?.split(',') ?? []);
      assert.equal(new Set(names).size, names.length);
      assert.equal(seats.idle, 6 - inUse.length);
    }
    for (const slot of taken) seats.giveBack(slot);
    assert.equal(seats.idle, 6);
    assert.ok(seats.take(nodes(6)), 'all of it can be had again');
  }));
});
