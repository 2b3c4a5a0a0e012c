import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../../fakes/clock.ts';
import { bodyOf, Outbox, type Parcel } from '../../../src/sdk/outbox.ts';

const PLAIN = { key: '', fields: '' };

/** Requests as they are sent; each is under way until the test says that it is answered. */
class Desk {
  readonly sent: Parcel<number>[] = [];
  readonly answers: (() => void)[] = [];
  readonly outbox: Outbox<number>;
  first = false;

  constructor(tasksMax = 3) {
    this.outbox = new Outbox<number>({
      tasksMax, isFirst: () => this.first,
      send: (parcel) => {
        this.sent.push(parcel);
        return new Promise((resolve) => this.answers.push(resolve));
      },
    });
  }

  add(count: number, { kind = PLAIN, fn = 'f', payload = 'x' } = {}): void {
    for (let i = 0; i < count; i++) this.outbox.add(kind, fn, 0, { payload, future: i });
  }

  async turn(): Promise<void> {
    await new Promise((resolve) => { setImmediate(resolve); });
    await settle();
  }

  get counts(): number[] {
    return this.sent.map(({ count }) => count);
  }
}

test('what one turn brings leaves together, at its end', async () => {
  const desk = new Desk();
  desk.add(1);
  desk.add(1, { fn: 'g' });
  assert.deepEqual(desk.counts, []);
  await desk.turn();
  assert.deepEqual(desk.counts, [2]);
  assert.deepEqual([...desk.sent[0]?.functions.keys() ?? []], ['f', 'g']);
});

test('what comes while a request is under way waits for its answer, unless it fills one', async () => {
  const desk = new Desk();
  desk.add(1);
  await desk.turn();
  desk.add(2);
  await desk.turn();
  assert.deepEqual(desk.counts, [1]);
  desk.add(1);
  assert.deepEqual(desk.counts, [1, 3], 'a full one does not wait');
  desk.add(1);
  desk.answers[1]?.();
  await desk.turn();
  assert.deepEqual(desk.counts, [1, 3]);
  desk.answers[0]?.();
  await desk.turn();
  assert.deepEqual(desk.counts, [1, 3, 1]);
});

test('only so many are under way, and the rest follows in order', async () => {
  const desk = new Desk();
  desk.add(20);
  await desk.turn();
  assert.deepEqual(desk.counts, [3, 3, 3, 3]);
  for (let i = 0; i < 4; i++) {
    desk.answers[i]?.();
    await desk.turn();
  }
  assert.deepEqual(desk.counts, [3, 3, 3, 3, 3, 3]);
  assert.deepEqual(desk.sent.flatMap(({ functions }) => [...functions.values()].flat().map(({ future }) => future)),
    Array.from({ length: 18 }, (_, i) => i));
});

test('until the first request is answered there is no second', async () => {
  const desk = new Desk();
  desk.first = true;
  desk.add(7);
  await desk.turn();
  assert.deepEqual(desk.counts, [3]);
  desk.first = false;
  desk.answers[0]?.();
  await desk.turn();
  assert.deepEqual(desk.counts, [3, 3]);
});

test('tasks with other options are in other requests, and large ones part them', async () => {
  const desk = new Desk(100);
  desk.add(1);
  desk.add(1, { kind: { key: 'p', fields: ',"resource_specification":{"priority":1}' } });
  desk.add(3, { payload: 'x'.repeat(4_000_000) });
  assert.deepEqual(desk.counts, [3], 'more than half of what fits is enough');
  desk.answers[0]?.();
  await desk.turn();
  desk.answers[1]?.();
  await desk.turn();
  assert.deepEqual(desk.sent.map(({ kind, count }) => [kind.key, count]), [['', 3], ['p', 1], ['', 1]]);
});

test('a request is the JSON that the service reads', () => {
  const functions = new Map([['a', [{ payload: '4\njd\n1', future: 1 }]], ['b', [{ payload: '"', future: 2 }]]]);
  const kind = { key: 'k', fields: ',"result_serializers":["s"]' };
  const body = bodyOf({ kind, functions, count: 2, bytes: 0 }, ',"task_group_id":"g"');
  assert.deepEqual(JSON.parse(body), {
    create_queue: true, result_bundles: true, task_group_id: 'g', result_serializers: ['s'],
    tasks: { a: ['4\njd\n1'], b: ['"'] },
  });
});
