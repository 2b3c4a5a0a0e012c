import assert from 'node:assert/strict';
import test from 'node:test';
import { registeredQueues } from '../../../src/amqp/queue-info.ts';
import { withPort } from '../../../src/supervisor/notices.ts';
import { readOrders } from '../../../src/supervisor/orders.ts';

const ID = '0b0f1c52-3d8e-4d6b-8f9a-1e2d3c4b5a69';
const { command_queue_info: commands, heartbeat_queue_info: heartbeats } = registeredQueues(ID, 'amqp://u:p@h:1/v');
const orders = {
  endpoint_id: ID, name: 'one', directory: '/d', config: {}, files: {}, written: {}, command_queue_info: commands,
  heartbeat_queue_info: heartbeats,
};

test('orders are taken as they are written', () => {
  assert.deepEqual(readOrders(JSON.stringify(orders)), orders);
});

test('what is no order says who starts this program', () => {
  for (const wrong of ['', '4', '{}', JSON.stringify({ ...orders, directory: 'here' }), JSON.stringify({
    ...orders, endpoint_id: 'x',
  })]) {
    assert.throws(() => readOrders(wrong), { code: 'CONFIG_INVALID', message: /is not meant to be started by hand/ });
  }
});

test('a registration without queues is the service\'s mistake', () => {
  for (const wrong of [{ command_queue_info: undefined },
    { heartbeat_queue_info: { ...heartbeats, connection_url: 'x' } },
    { heartbeat_queue_info: { ...heartbeats, queue_publish_kwargs: null } }]) {
    assert.throws(() => readOrders(JSON.stringify({ ...orders, ...wrong })),
      { message: /^Invalid or unexpected registration data structure/, details: { credentials: true } });
  }
});

test('every connection goes to the port that the site lets out', () => {
  assert.equal(withPort('amqp://u:p@h:1/v', null), 'amqp://u:p@h:1/v');
  assert.equal(withPort('amqps://u:p@h:5671/v', 443), 'amqps://u:p@h:443/v');
});
