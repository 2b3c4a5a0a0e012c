import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { decodeMessage, type ResultMessage } from '../../../src/amqp/messages.ts';
import type { Outgoing } from '../../../src/amqp/publisher.ts';
import { systemClock } from '../../../src/common/clock.ts';
import { ComputeError } from '../../../src/common/errors.ts';
import { silentLog } from '../../../src/common/log.ts';
import { Ledger } from '../../../src/endpoint/ledger.ts';
import { Outbox } from '../../../src/endpoint/outbox.ts';
import { scratch } from '../../fakes/scratch.ts';
import { until } from '../../process/harness.ts';

const deps = { log: silentLog, clock: systemClock };

/** A broker that takes what it is given when it is told to. */
class HeldBroker {
  readonly sent: { readonly message: Outgoing; readonly settle: (error?: Error) => void }[] = [];
  isOpen = false;

  publish(message: Outgoing, signal?: AbortSignal): Promise<void> {
    if (this.isOpen) {
      this.sent.push({ message, settle: () => { /* confirmed already */ } });
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      this.sent.push({ message, settle: (error) => (error === undefined ? resolve() : reject(error)) });
      signal?.addEventListener('abort', () => reject(new Error('aborted')));
    });
  }

  /** Task ids in each message. */
  ids(): string[][] {
    return this.sent.map(({ message: { body } }) => {
      const message = decodeMessage(body);
      if (message.type === 'result') return [message.taskId];
      assert.equal(message.type, 'result_bundle');
      return message.type === 'result_bundle' ? message.results.map(({ taskId }) => taskId) : [];
    });
  }

  open(): void {
    this.isOpen = true;
    for (const { settle } of this.sent) settle();
  }
}

function resultFor(taskId: string, data = 'data'): ResultMessage {
  return { type: 'result', taskId, data, details: undefined, error: undefined, transitions: undefined };
}

async function setUp(directory: string, options = {}) {
  const ledger = await Ledger.open({ directory }, deps);
  const broker = new HeldBroker();
  const outbox = new Outbox({
    publisher: broker, exchange: 'results', routingKey: 'key', ledger, ...deps,
    onConfirmed: () => { /* nothing waits */ },
  }, options);
  const accepted = async (count: number): Promise<string[]> => {
    const ids = Array.from({ length: count }, () => randomUUID());
    await ledger.accept(ids, Buffer.from('tasks'));
    return ids;
  };
  const close = async (): Promise<void> => {
    await outbox.close(0);
    await ledger.close(1_000);
  };
  return { ledger, broker, outbox, accepted, close };
}

test('what is ready in one turn travels together, and what is alone travels alone', async () => {
  await using files = await scratch();
  const { broker, outbox, accepted, close } = await setUp(files.path);
  const ids = await accepted(301);
  for (const id of ids.slice(0, 300)) outbox.add(resultFor(id));
  await until('them to leave', () => broker.sent.length === 2);
  outbox.add(resultFor(ids[300] ?? ''));
  await until('the last to leave', () => broker.sent.length === 3);
  assert.deepEqual(broker.ids(), [ids.slice(0, 256), ids.slice(256, 300), ids.slice(300)]);
  broker.open();
  await close();
});

test('large results do not share a message', async () => {
  await using files = await scratch();
  const { broker, outbox, accepted, close } = await setUp(files.path);
  const ids = await accepted(3);
  for (const id of ids) outbox.add(resultFor(id, 'x'.repeat(700_000)));
  await until('them to leave', () => broker.sent.length === 3);
  broker.open();
  await close();
});

test('few messages are under way at a time; what comes meanwhile waits to share the next', async () => {
  await using files = await scratch();
  const { broker, outbox, accepted, ledger, close } = await setUp(files.path);
  const ids = await accepted(50);
  for (const id of ids) {
    outbox.add(resultFor(id));
    await new Promise((resolve) => { setImmediate(resolve); });
  }
  assert.equal(broker.sent.length, 8);
  broker.open();
  await until('the rest', () => outbox.forwarded === 50);
  assert.deepEqual(broker.ids().map((one) => one.length), [...Array.from({ length: 8 }, () => 1), 42]);
  assert.deepEqual([ledger.unsettled, ledger.unconfirmed], [0, 0]);
  await close();
});

test('what the broker did not take is offered again', async () => {
  await using files = await scratch();
  const { broker, outbox, accepted, ledger, close } = await setUp(files.path);
  const [id = ''] = await accepted(1);
  outbox.add(resultFor(id));
  await until('the first try', () => broker.sent.length === 1);
  broker.isOpen = true;
  broker.sent[0]?.settle(new ComputeError('PUBLISH_FAILED', 'its queue is full'));
  await until('the second', () => broker.sent.length === 2);
  await until('its confirmation', () => ledger.unconfirmed === 0);
  await close();
});

test('what can go straight goes by its group, and by way of the service when that does not work', async () => {
  await using files = await scratch();
  const { broker, outbox, accepted, ledger, close } = await setUp(files.path);
  const ids = await accepted(5);
  for (const [i, id] of ids.entries()) outbox.add(resultFor(id), [undefined, 'a', 'b', 'a', undefined][i]);
  const keys = (): string[] => broker.sent.map(({ message }) => message.routingKey);
  await until('a message for each', () => broker.sent.length === 3);
  assert.deepEqual(keys(), ['key', 'key.a', 'key.b']);
  assert.deepEqual(broker.ids(), [[ids[0], ids[4]], [ids[1], ids[3]], [ids[2]]]);
  broker.isOpen = true;
  broker.sent[0]?.settle();
  broker.sent[1]?.settle(new ComputeError('PUBLISH_FAILED', 'its stream is full'));
  broker.sent[2]?.settle();
  await until('all', () => ledger.unconfirmed === 0);
  assert.deepEqual(keys().slice(3), ['key']);
  assert.deepEqual(broker.ids()[3], [ids[1], ids[3]]);
  await close();
});

test('with rights of a time when nothing went straight, it tries once', async () => {
  await using files = await scratch();
  const { broker, outbox, accepted, ledger, close } = await setUp(files.path);
  const [first = '', second = ''] = await accepted(2);
  outbox.add(resultFor(first), 'a');
  await until('the first', () => broker.sent.length === 1);
  broker.isOpen = true;
  broker.sent[0]?.settle(new ComputeError('BROKER_REFUSED', 'access to topic refused'));
  await until('its second try', () => ledger.unconfirmed === 0);
  outbox.add(resultFor(second), 'a');
  await until('all', () => outbox.forwarded === 2);
  assert.deepEqual(broker.sent.map(({ message }) => message.routingKey), ['key.a', 'key', 'key']);
  await close();
});

test('without a broker results wait on the disk, and memory does not fill up', async () => {
  await using files = await scratch();
  const first = await setUp(files.path, { memoryCharsMax: 50_000 });
  const ids = await first.accepted(400);
  for (const id of ids) {
    first.outbox.add(resultFor(id, `${id}${'x'.repeat(1_000)}`));
    if (id === ids[200]) await first.ledger.flushed();
  }
  await first.ledger.flushed();
  first.broker.open();
  await until('all', () => first.outbox.forwarded === 400);
  assert.deepEqual(first.broker.ids().flat().sort(), [...ids].sort(), 'each once');
  await first.close();
});

test('what an earlier process could not send is sent', async () => {
  await using files = await scratch();
  const first = await setUp(files.path);
  const ids = await first.accepted(5);
  for (const id of ids) first.outbox.add(resultFor(id, id));
  await first.ledger.flushed();
  await first.close();
  const second = await setUp(files.path);
  second.broker.isOpen = true;
  second.outbox.resend(second.ledger.settledIds());
  await until('all', () => second.outbox.forwarded === 5);
  assert.deepEqual(second.broker.ids(), [ids]);
  await second.close();
});
