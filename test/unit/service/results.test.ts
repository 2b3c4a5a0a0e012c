import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Delivery } from '../../../src/amqp/consumer.ts';
import { encodeMessage, type ResultMessage } from '../../../src/amqp/messages.ts';
import { systemClock } from '../../../src/common/clock.ts';
import { silentLog } from '../../../src/common/log.ts';
import { OpenTasks } from '../../../src/service/open-tasks.ts';
import { Results } from '../../../src/service/results.ts';
import type { ArrivedResult, StoredResult } from '../../../src/service/store/results.ts';
import { until } from '../../process/harness.ts';

const ENDPOINT = '11111111-1111-4111-8111-111111111111';
const TASK = '22222222-2222-4222-8222-222222222222';
const GROUP = '33333333-3333-4333-8333-333333333333';

/** A database that keeps the first result of a task, and can be away. */
class Table {
  readonly rows = new Map<string, string>();
  isAway = false;

  async add(results: readonly ArrivedResult[]): Promise<(StoredResult | undefined)[]> {
    if (this.isAway) throw new Error('away');
    return results.map(({ task, message }) => {
      const fresh = !this.rows.has(task);
      if (fresh) this.rows.set(task, message);
      return { task, taskGroup: GROUP, owner: 'owner', stream: 'single', fresh };
    });
  }

  async addFirst(results: readonly ArrivedResult[]): Promise<void> {
    await this.add(results);
  }

  async message(task: string): Promise<string | undefined> {
    return this.rows.get(task);
  }
}

interface Place {
  readonly table: Table;
  readonly openTasks: OpenTasks;
  readonly results: Results;
  /** What the stream's reader got. */
  readonly read: string[];
  /** Of messages that were acknowledged. */
  readonly acknowledged: string[];
  arrive(data: string): void;
}

function place(): Place {
  const [table, openTasks] = [new Table(), new OpenTasks()];
  const [read, acknowledged]: [string[], string[]] = [[], []];
  const results = new Results({
    store: table, openTasks, clock: systemClock, log: silentLog, groups: { streamOf: () => 'single' },
    streams: { forward: async (_, { message }) => { read.push(message.data); } },
  });
  const arrive = (data: string): void => {
    results.onDelivery(delivery(data, () => acknowledged.push(data)));
  };
  return { table, openTasks, results, read, acknowledged, arrive };
}

function delivery(data: string, ack: () => void): Delivery {
  const message: ResultMessage = {
    type: 'result', taskId: TASK, data, details: undefined, error: undefined, transitions: undefined,
  };
  return {
    body: Buffer.from(encodeMessage(message)), exchange: '', routingKey: `${ENDPOINT}.results`, headers: {},
    contentType: undefined, messageId: undefined, timestampS: undefined, redelivered: false, ack,
    reject: () => { /* given back */ },
  };
}

function accepted({ openTasks }: Place, stored: Promise<unknown>): void {
  openTasks.add({
    id: GROUP, taskGroup: GROUP, owner: 'owner', endpoint: ENDPOINT, target: ENDPOINT, resources: null,
    serializers: [], digest: '', createdS: 0, tasks: [{ id: TASK, function: GROUP, payload: '' }],
  }, stored);
}

test('the result that came first is the one that is kept and read, also when the task is stored late', async () => {
  const here = place();
  let onStored = (): void => { /* set at once */ };
  accepted(here, new Promise<void>((resolve) => { onStored = resolve; }));
  here.arrive('first');
  here.arrive('second');
  await until('the first to be passed on', () => here.read.length > 0);
  assert.deepEqual(here.acknowledged, [], 'not before it is stored');
  onStored();
  await until('both', () => here.acknowledged.length === 2);
  assert.match(here.table.rows.get(TASK) ?? '', /first/);
  assert.deepEqual(new Set(here.read), new Set(['first']), 'who is told twice hears the same');
});

test('the first result stays the first when it could not be stored at once', async () => {
  const here = place();
  accepted(here, Promise.resolve());
  here.table.isAway = true;
  here.arrive('first');
  here.arrive('second');
  await until('the first to be passed on', () => here.read.length > 0);
  here.table.isAway = false;
  await until('both', () => here.acknowledged.length === 2);
  assert.match(here.table.rows.get(TASK) ?? '', /first/);
  assert.deepEqual(new Set(here.read), new Set(['first']));
});

test('a result is kept although nobody knows whether its task was stored', async () => {
  const here = place();
  const unknown = Promise.reject(new Error('the database went away in the middle of it'));
  accepted(here, unknown);
  here.arrive('only');
  await until('it', () => here.acknowledged.length === 1);
  assert.match(here.table.rows.get(TASK) ?? '', /only/);
});

test('who asks for a task whose result has just been passed on is not told that there is none', async () => {
  const here = place();
  accepted(here, Promise.resolve());
  here.arrive('result');
  await until('it to be passed on', () => here.read.length > 0);
  await here.results.written([TASK]);
  assert.ok(here.table.rows.has(TASK));
});
