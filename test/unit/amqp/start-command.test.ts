import assert from 'node:assert/strict';
import test from 'node:test';
import { endpointQueues } from '../../../src/amqp/queue-info.ts';
import {
  decodeStartCommand, encodeStartCommand, userEndpointName, type StartCommand,
} from '../../../src/amqp/start-command.ts';
import { Float, isJsonObject, parseJson, type Json } from '../../../src/common/json.ts';

const MANAGER = '0b0f1c52-3d8e-4d6b-8f9a-1e2d3c4b5a69';
const CHILD = '1c1f1c52-3d8e-4d6b-8f9a-1e2d3c4b5a70';
const USER = '2d2f1c52-3d8e-4d6b-8f9a-1e2d3c4b5a71';
const NOW = 1_795_224_080;
const fresh = { contentType: 'application/json', timestampS: NOW };

const command: StartCommand = {
  username: 'alice@example.edu', effectiveIdentity: USER,
  identitySet: [{ sub: USER, id: USER, username: 'alice@example.edu', last_authentication: 1795224080706055542n }],
  name: userEndpointName(MANAGER, CHILD), endpointId: CHILD, userOptions: { nodes: 2, factor: new Float(2) },
  userRuntime: { python: { version: '3.11' } }, queues: endpointQueues(CHILD, 'amqp://u:p@h:1'), args: [],
};

test('a start command says what the field\'s manager reads', () => {
  assert.deepEqual(parseJson(encodeStartCommand(command).toString(), 'everywhere'), {
    command: 'cmd_start_endpoint', globus_username: 'alice@example.edu', globus_effective_identity: USER,
    globus_identity_set: command.identitySet,
    kwargs: {
      name: `uep.${MANAGER}.${CHILD}`, user_opts: { nodes: 2, factor: new Float(2) },
      user_runtime: { python: { version: '3.11' } },
      amqp_creds: {
        endpoint_id: CHILD,
        task_queue_info: { connection_url: 'amqp://u:p@h:1', exchange: 'tasks', queue: `${CHILD}.tasks` },
        result_queue_info: publishing('results'), heartbeat_queue_info: publishing('heartbeats'),
      },
    },
  });
});

test('a start command comes back as it went', () => {
  assert.deepEqual(decodeStartCommand(encodeStartCommand(command), fresh, NOW + 5), command);
  const withArgs = { ...command, args: ['--die-with-parent'] };
  assert.deepEqual(decodeStartCommand(encodeStartCommand(withArgs), fresh, NOW - 180), withArgs);
});

test('an identity may have one of its two ids, and options may be missing', () => {
  const body = changed((one, { name, amqp_creds }) => ({
    ...one, globus_identity_set: [{ id: USER }], kwargs: { name, amqp_creds },
  }));
  const read = decodeStartCommand(body, fresh, NOW);
  assert.deepEqual(read, {
    ...command, identitySet: [{ sub: USER, id: USER, username: '' }], userOptions: {}, userRuntime: {},
  });
});

test('a command of another kind, another time or another form is refused with the reason', () => {
  const bytes = encodeStartCommand(command);
  const cases: [bytes: Buffer, properties: typeof fresh | { contentType?: string; timestampS?: number }, RegExp][] = [
    [bytes, { ...fresh, contentType: 'text/plain' }, /content type/],
    [bytes, { contentType: 'application/json' }, /no timestamp/],
    [bytes, { ...fresh, timestampS: NOW - 181 }, /181 s old/],
    [bytes, { ...fresh, timestampS: NOW + 181 }, /-181 s old/],
    [Buffer.from('{'), fresh, /not JSON/],
    [Buffer.from('[]'), fresh, /not an object/],
    [changed((one) => ({ ...one, command: '__init__' })), fresh, /only command/],
    [changed((one) => ({ ...one, command: undefined })), fresh, /command\.command is not a text/],
    [changed((one) => ({ ...one, globus_identity_set: undefined })), fresh, /globus_identity_set/],
    [changed((one, kwargs) => ({ ...one, kwargs: { ...kwargs, name: '../../etc' } })), fresh, /kwargs\.name is not/],
    [changed((one, kwargs) => ({ ...one, kwargs: { ...kwargs, name: '..' } })), fresh, /kwargs\.name/],
    [changed((one, kwargs) => ({ ...one, kwargs: { ...kwargs, amqp_creds: {} } })), fresh, /amqp_creds\.endpoint_id/],
    [changed((one, kwargs) => ({ ...one, kwargs: { ...kwargs, amqp_creds: { endpoint_id: CHILD } } })), fresh,
      /amqp_creds\.task_queue_info is not an object/],
    [changed((one) => ({ ...one, args: '--help' })), fresh, /args/],
  ];
  for (const [body, properties, text] of cases) {
    const { contentType, timestampS } = properties;
    const read = decodeStartCommand(body, { contentType, timestampS }, NOW);
    assert.match('type' in read && read.type === 'refused' ? read.text : 'accepted', text);
  }
});

type Loose = Readonly<Record<string, Json | undefined>>;

/** The bytes of the command with something else in it. */
function changed(
  change: (command: Loose, kwargs: Loose) => Readonly<Record<string, Loose | Json | undefined>>,
): Buffer {
  const document = parseJson(encodeStartCommand(command).toString());
  assert.ok(isJsonObject(document));
  const kwargs = document['kwargs'];
  assert.ok(isJsonObject(kwargs));
  // Without big numbers, which are not what these cases are about.
  return Buffer.from(JSON.stringify(change(document, kwargs), (_, value: unknown) =>
    typeof value === 'bigint' ? Number(value) : value));
}

function publishing(exchange: string): unknown {
  return {
    connection_url: 'amqp://u:p@h:1', exchange, queue: exchange,
    queue_publish_kwargs: {
      exchange, routing_key: `${CHILD}.${exchange}`, mandatory: true, properties: { delivery_mode: 2 },
    },
  };
}
