// Tasks that take several slots of a manager at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { STATUS, type Kind, type ManagerId } from '../../../../src/common/protocol.ts';
import { Cluster, LOAD } from './cluster.ts';

const wide = (width: number, more: Partial<Kind> = {}): Partial<Kind> =>
  ({ footprint: { width, asked: { cores: width } }, ...more });
const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const given = (effects: readonly unknown[]): unknown[] =>
  effects.filter((effect) => (effect as unknown[])[0] === 'dispatch');

test('a wide task goes where so many slots are free, and takes them', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 2 });
  cluster.join('b', { slots: 4 });
  cluster.submit([1], wide(3));
  cluster.submit([2, 3, 4]);
  const messages = new Set(given(cluster.dispatch()).map(String));
  assert.deepEqual(messages, new Set(['dispatch,a,2,3', 'dispatch,b,1', 'dispatch,b,4']));
  assert.deepEqual([cluster.state.managers.freeSlots, cluster.held('b')], [0, 2]);
  cluster.results('b', [1]);
  assert.equal(cluster.state.managers.freeSlots, 3);
});

test('a wide task whose turn it is keeps a manager, and what is younger goes elsewhere until it fits', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 2 });
  cluster.join('b', { slots: 2 });
  cluster.submit(upTo(4));
  cluster.dispatch();
  cluster.submit([5], wide(2));
  cluster.submit(upTo(20, 6));
  const ofA = [...cluster.state.tasks.ids(new Set([1]))];
  const ofB = [...cluster.state.tasks.ids(new Set([2]))];
  cluster.results('a', ofA.slice(0, 1));
  assert.deepEqual(given(cluster.dispatch()), [], 'a is kept for the wide task');
  assert.match(JSON.stringify(cluster.place(5)), /it takes 2 slots of one manager at once: a is kept .* has 1 free/);
  cluster.results('b', ofB);
  assert.deepEqual(given(cluster.dispatch()), [['dispatch', 'b', 5], ['dispatch', 'a', 6]], 'b has room; a is let go');
  assert.equal(cluster.state.reservations.size, 0);
});

test('a kept manager still serves what is more urgent, and is kept again', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 2 });
  cluster.submit([1, 2]);
  cluster.dispatch();
  cluster.submit([3], wide(2));
  cluster.submit([4]);
  cluster.results('a', [1]);
  assert.deepEqual(given(cluster.dispatch()), []);
  cluster.submit([5], { priority: 1 });
  assert.deepEqual(given(cluster.dispatch()), [['dispatch', 'a', 5]]);
  cluster.results('a', [2]);
  assert.deepEqual(given(cluster.dispatch()), []);
  cluster.results('a', [5]);
  assert.deepEqual(given(cluster.dispatch()), [['dispatch', 'a', 3]]);
});

test('as many managers are kept as wide tasks are due, and no more', () => {
  const cluster = new Cluster();
  for (const name of ['a', 'b', 'c']) cluster.join(name, { slots: 2 });
  cluster.submit(upTo(6));
  cluster.dispatch();
  cluster.submit([7, 8], wide(2));
  cluster.submit(upTo(12, 9));
  for (const [serial, name] of ['a', 'b', 'c'].entries()) {
    cluster.results(name, [...cluster.state.tasks.ids(new Set([serial + 1]))].slice(0, 1));
  }
  assert.equal(given(cluster.dispatch()).length, 1, 'one of the three goes on with narrow tasks');
  assert.equal(cluster.state.reservations.size, 2);
  cluster.cancel(7);
  assert.equal(given(cluster.dispatch()).length, 1);
  assert.equal(cluster.state.reservations.size, 1);
});

test('a kept manager that frees nothing is given up for another, each time later', () => {
  const cluster = new Cluster();
  for (const name of ['a', 'b']) cluster.join(name, { slots: 2, window: 3 });
  cluster.submit(upTo(4));
  cluster.dispatch();
  cluster.submit([5], wide(2));
  cluster.dispatch();
  const kept = (): string[] => [...cluster.state.reservations].map(([{ id }, { patienceMs }]) => `${id} ${patienceMs}`);
  const seen = [...kept()];
  for (let second = 0; second < 8; second++) {
    cluster.now += 1000;
    cluster.dispatch();
    if (kept()[0] !== seen.at(-1)) seen.push(...kept());
  }
  assert.deepEqual(seen, ['a 1000', 'b 2000', 'a 4000', 'b 8000']);
});

test('a kept manager that drains, breaks off or is lost is let go, and the task finds another', () => {
  for (const end of ['drain', 'gone', 'lose'] as const) {
    const cluster = new Cluster();
    for (const name of ['a', 'b']) cluster.join(name, { slots: 2, window: 3 });
    cluster.submit(upTo(4));
    cluster.dispatch();
    cluster.submit([5], wide(2));
    cluster.dispatch();
    const kept = (): string[] => [...cluster.state.reservations.keys()].map(({ id }) => id);
    assert.deepEqual(kept(), ['a']);
    if (end === 'drain') cluster.say('a', { type: 'draining' });
    else if (end === 'gone') cluster.gone('a');
    else cluster.lose('a');
    cluster.dispatch();
    assert.deepEqual(kept(), ['b']);
  }
});

test('the line of a kept manager is called back where others could work on it', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 2, window: 6 });
  cluster.submit(upTo(6));
  cluster.dispatch();
  cluster.join('b', { slots: 1 });
  cluster.submit([7]);
  cluster.dispatch();
  cluster.submit([8], wide(2));
  cluster.submit([9]);
  cluster.results('a', [1]);
  assert.deepEqual(cluster.dispatch(), [['to-manager', 'a', { type: 'recall', count: 3 }]]);
  cluster.returned('a', 4, 5, 6);
  assert.deepEqual(cluster.dispatch(), [], 'older as they are, they would keep the wide task waiting');
  cluster.results('b', [7]);
  assert.deepEqual(given(cluster.dispatch()), [['dispatch', 'b', 4]]);
  cluster.results('a', [2, 3]);
  assert.deepEqual(given(cluster.dispatch()), [['dispatch', 'a', 8]]);
});

test('nothing stands in line behind a wide task', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 4, window: 100 });
  cluster.submit([1], wide(3));
  cluster.submit(upTo(50, 2));
  cluster.dispatch();
  assert.deepEqual([cluster.held('a'), cluster.state.managers.inLine], [2, 0]);
});

test('lines are called back for free slots while only wide tasks wait', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 1, window: 5 });
  cluster.submit(upTo(5));
  cluster.dispatch();
  cluster.join('b', { slots: 2 });
  cluster.submit([6], wide(8));
  assert.deepEqual(cluster.dispatch()[0], ['to-manager', 'a', { type: 'recall', count: 2 }]);
});

test('a manager with fewer workers than slots gets no more tasks at a time than that', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 4, window: 2, workers: 2 });
  cluster.submit([1, 2, 3], wide(1));
  cluster.submit([4], wide(3));
  assert.deepEqual(given(cluster.dispatch()), [['dispatch', 'a', 1, 2]]);
  cluster.results('a', [1]);
  assert.deepEqual(given(cluster.dispatch()), [['dispatch', 'a', 3]]);
  cluster.results('a', [2, 3]);
  assert.deepEqual(given(cluster.dispatch()), [['dispatch', 'a', 4]]);
});

test('what no manager has room for fails once others have had time to come, with the numbers', () => {
  const cluster = new Cluster();
  cluster.submit([1, 2], wide(5));
  cluster.pass(60_000);
  assert.equal(cluster.state.tasks.waiting, 2, 'nobody has come yet: who knows');
  cluster.join('a', { slots: 4 });
  cluster.pass(4000);
  assert.equal(cluster.state.tasks.waiting, 2);
  assert.deepEqual(cluster.pass(1000), [['settle', 'TASK_TOO_LARGE', 1, 2], LOAD]);
  cluster.join('b', { slots: 8 });
  cluster.submit([3], wide(5));
  assert.deepEqual(cluster.pass(10_000), []);
  assert.deepEqual(given(cluster.dispatch()), [['dispatch', 'b', 3]]);
});

test('widths are counted through whatever happens to those who hold the tasks', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 4 });
  cluster.submit([1, 2], wide(2));
  cluster.dispatch();
  assert.equal(cluster.state.managers.freeSlots, 0);
  cluster.returned('a', 2);
  assert.equal(cluster.state.managers.freeSlots, 2);
  cluster.gone('a');
  cluster.join('a', { slots: 4, held: [1] });
  assert.equal(cluster.state.managers.freeSlots, 2, 'it holds what it held');
  cluster.join('a', { slots: 4 });
  assert.equal(cluster.state.managers.freeSlots, 4, 'what it does not answer for was lost on the way');
  cluster.dispatch();
  cluster.results('a', [1], STATUS.failed);
  assert.equal(cluster.state.managers.freeSlots, 2);
  cluster.lose('a');
  cluster.join('b', { slots: 4 });
  cluster.dispatch();
  assert.deepEqual([cluster.state.managers.freeSlots, cluster.held('b')], [2, 1]);
});

test('a replaced interchange counts what managers say that they hold by its width', () => {
  const cluster = new Cluster(true);
  cluster.submit([1], wide(3));
  cluster.submit([2]);
  cluster.join('a', { slots: 4, held: [1] });
  cluster.client({ type: 'resumed', managers: ['a' as ManagerId] });
  assert.deepEqual(given(cluster.dispatch()), [['dispatch', 'a', 2]]);
  assert.equal(cluster.state.managers.freeSlots, 0);
});

test('entries of equal urgency do no harm, and the oldest of them is first', () => {
  const cluster = new Cluster();
  cluster.join('a', { slots: 8 });
  for (const id of upTo(5)) cluster.submit([id], wide(8));
  for (const id of upTo(5)) {
    assert.deepEqual(given(cluster.dispatch()), [['dispatch', 'a', id]]);
    cluster.results('a', [id]);
  }
});

const arrival = fc.record({ width: fc.integer({ min: 1, max: 4 }), turns: fc.integer({ min: 1, max: 6 }) });

test('under a stream of narrow tasks each starts when those before it are through, and slots never run over', () => {
  const arrivals = fc.array(arrival, { minLength: 1, maxLength: 25 });
  fc.assert(fc.property(fc.integer({ min: 1, max: 3 }), arrivals, (managers, wides) => {
    const cluster = new Cluster();
    for (let i = 0; i < managers; i++) cluster.join(`m${i}`, { slots: 4 });
    const stream = new Stream(cluster);
    for (const { width, turns } of wides) {
      stream.submit(width, turns);
      stream.submit(1, 3);
      stream.turn();
    }
    for (let turn = 0; turn < 1000; turn++) {
      // As much as fits, at least, for a long time.
      if (turn < 100) for (let i = 0; i < 4 * managers; i++) stream.submit(1, 1 + ((turn + i) % 6));
      stream.turn();
    }
    assert.equal(stream.open, 0);
    // Before a task runs what came before it, and while a manager is kept at most its slots stand idle for 6 turns.
    for (const { width, turns, at, startedAt, ahead } of stream.tasks) {
      const limit = at + ahead + 6 * (wides.length + 2);
      assert.ok(startedAt <= limit, `width ${width}, ${turns} turns: came ${at}, started ${startedAt} > ${limit}`);
    }
  }), { numRuns: 60 });
});

interface Timed {
  readonly id: number;
  readonly width: number;
  readonly turns: number;
  /** When it came, and the turns of all that was open then. */
  readonly at: number;
  readonly ahead: number;
  startedAt: number;
  peer: string;
}

/** Tasks that each take some turns, on managers of four slots. */
class Stream {
  readonly #cluster: Cluster;
  readonly tasks: Timed[] = [];
  readonly #open = new Map<number, Timed>();
  #turn = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get open(): number {
    return this.#open.size;
  }

  submit(width: number, turns: number): void {
    const ahead = [...this.#open.values()].reduce((sum, task) => sum + task.turns, 0);
    const task = { id: this.tasks.length + 1, width, turns, at: this.#turn, ahead, startedAt: Infinity, peer: '' };
    this.tasks.push(task);
    this.#open.set(task.id, task);
    this.#cluster.submit([task.id], width === 1 ? {} : wide(width));
  }

  /** What has run its turns ends, then what there is room for starts. */
  turn(): void {
    this.#turn++;
    this.#cluster.now += 100;
    for (const task of [...this.#open.values()].filter(({ startedAt, turns }) => startedAt + turns <= this.#turn)) {
      this.#open.delete(task.id);
      this.#cluster.results(task.peer, [task.id]);
    }
    for (const [, peer, ...ids] of given(this.#cluster.dispatch()) as [string, string, ...number[]][]) {
      for (const id of ids) Object.assign(this.#open.get(id) ?? assert.fail(), { startedAt: this.#turn, peer });
      const running = [...this.#open.values()].filter((task) => task.peer === peer);
      assert.ok(running.reduce((sum, { width }) => sum + width, 0) <= 4, `${peer} has four slots`);
    }
  }
}
