// What becomes of a delivery, with a real ledger and an engine that only counts.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { Delivery } from '../../../src/amqp/consumer.ts';
import { encodeMessage } from '../../../src/amqp/messages.ts';
import { systemClock } from '../../../src/common/clock.ts';
import { silentLog } from '../../../src/common/log.ts';
import { pack } from '../../../src/common/packed.ts';
import type { FunctionId, TaskId } from '../../../src/common/protocol.ts';
import { Bridge } from '../../../src/endpoint/bridge.ts';
import { parseEngineBlock } from '../../../src/endpoint/engine-block.ts';
import { Ledger } from '../../../src/endpoint/ledger.ts';
import { Programs } from '../../../src/endpoint/programs.ts';
import { scratch } from '../../fakes/scratch.ts';

const TASKS = ['3d7b6c1e-4d0b-4a55-8a9c-0d5c2f6f0f10', '3d7b6c1e-4d0b-4a55-8a9c-0d5c2f6f0f11'];
const FUNCTION = '3d7b6c1e-4d0b-4a55-8a9c-0d5c2f6f0f12';
const ARGUMENTS = pack('00\ngAQpLg==\n', '00\ngAR9lC4=\n');
const ENDPOINT = '3d7b6c1e-4d0b-4a55-8a9c-0d5c2f6f0f13';

/** A bundle of TASKS, which the broker has sent before. */
function deliveryAgain(ack: () => void): Delivery {
  const body = Buffer.from(encodeMessage({
    type: 'task_bundle', functionId: FUNCTION, code: pack('01\ngASV5Q\n'), resourceSpecification: undefined,
    resultSerializers: [], straightTo: undefined, tasks: TASKS.map((taskId) => ({ taskId, payload: ARGUMENTS })),
  }));
  return {
    body, exchange: '', routingKey: '', headers: {}, contentType: undefined, messageId: undefined,
    timestampS: undefined, redelivered: true, ack, reject: () => assert.fail('it was not taken'),
  };
}

test('tasks that come again run once in a process, counted if an earlier one may have run them', async () => {
  await using home = await scratch();
  const ledger = await Ledger.open({ directory: home.path }, { log: silentLog, clock: systemClock });
  let started = 0;
  const engine = { define: () => 'f' as FunctionId, footprint: () => undefined };
  const block = parseEngineBlock({ type: 'GlobusComputeEngine' }, 2);
  const bridge = new Bridge({
    ledger, programs: new Programs(engine, { block, directory: '/tasks' }), log: silentLog,
    outbox: { add: () => assert.fail('nothing fails'), resend: () => { /* there is nothing */ } },
    submit: () => ++started as TaskId, onBroken: () => assert.fail('nothing is broken'),
  }, { endpointId: ENDPOINT, allowedFunctions: null, details: {} });
  await bridge.open();
  const counts = () => ({ started, rerun: bridge.rerun, received: bridge.received, duplicates: bridge.duplicates });

  for (const expected of [
    { started: 2, rerun: 2, received: 2, duplicates: 0 }, // nothing is known of them
    { started: 2, rerun: 2, received: 2, duplicates: 2 }, // they are open here
  ]) {
    await new Promise<void>((resolve) => { bridge.onDelivery(deliveryAgain(resolve)); });
    assert.deepEqual(counts(), expected);
  }
  await ledger.close(10_000);
});
