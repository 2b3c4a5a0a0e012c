import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { endpointQueues } from '../../../src/amqp/queue-info.ts';
import { encodeStartCommand, userEndpointName, type StartCommand } from '../../../src/amqp/start-command.ts';
import { parseJson, formatJson, isJsonObject, type Json, type JsonObject } from '../../../src/common/json.ts';
import { readCommand, Replays, type CommandReading } from '../../../src/supervisor/commands.ts';

const MANAGER = '0b0f1c52-3d8e-4d6b-8f9a-1e2d3c4b5a69';
const CHILD = '1c1f1c52-3d8e-4d6b-8f9a-1e2d3c4b5a70';
const USER = '2d2f1c52-3d8e-4d6b-8f9a-1e2d3c4b5a71';
const NOW = 1_795_224_080;
const fresh = { contentType: 'application/json', timestampS: NOW };

const command: StartCommand = {
  username: 'alice@example.edu', effectiveIdentity: USER,
  identitySet: [{ sub: USER, id: USER, username: 'alice@example.edu' }],
  name: userEndpointName(MANAGER, CHILD), endpointId: CHILD, userOptions: { nodes: 2 }, userRuntime: {},
  queues: endpointQueues(CHILD, 'amqp://u:p@h:1'), args: [],
};

function read(body: Uint8Array, properties: Partial<typeof fresh> = {}, nowS = NOW): CommandReading {
  return readCommand(body, { ...fresh, ...properties }, { managerId: MANAGER, nowS });
}

function changed(change: (document: JsonObject, kwargs: JsonObject) => Readonly<Record<string, unknown>>): Buffer {
  const document = parseJson(encodeStartCommand(command).toString());
  assert.ok(isJsonObject(document) && isJsonObject(document['kwargs'] ?? null));
  return Buffer.from(JSON.stringify(change(document, document['kwargs'] as JsonObject)));
}

test('a command of the service is a start', () => {
  assert.deepEqual(read(encodeStartCommand(command)), { type: 'start', command });
  assert.deepEqual(read(encodeStartCommand(command), {}, NOW + 180), { type: 'start', command });
});

test('what is no command is told to nobody', () => {
  const body = encodeStartCommand(command);
  const cases: [CommandReading, RegExp][] = [
    [read(body, { contentType: 'text/plain' }), /\(wrong-field\) content type/],
    [readCommand(body, { contentType: 'application/json', timestampS: undefined }, { managerId: MANAGER, nowS: NOW }),
      /no timestamp/],
    [read(Buffer.from('{')), /\(not-json\)/],
    [read(Buffer.from('[]')), /not an object/],
    [read(Buffer.alloc(4 * 1024 * 1024 + 1, ' ')), /\(too-large\)/],
  ];
  for (const [reading, text] of cases) {
    assert.equal(reading.type, 'refused');
    if (reading.type !== 'refused') continue;
    assert.match(reading.text, /^Unable to deserialize Globus Compute services command\. {2}/);
    assert.match(reading.text, text);
    assert.equal(reading.notice, undefined);
  }
});

test('what cannot be followed is told to the user, in the field\'s words', () => {
  const unexpected = /^\(InvalidCommandError\) unexpected error; this is due to either an endpoint misconfiguration/;
  const cases: [CommandReading, notice: RegExp, text: RegExp][] = [
    [read(encodeStartCommand(command), {}, NOW + 181),
      /^Ignoring command from server\nCommand too old or skew between system clocks is too large\.\n {2}Command timest/,
      /Endpoint timestamp: 1795224261 \(/],
    [read(encodeStartCommand(command), {}, NOW - 181), /^Ignoring command from server/, /too large/],
    [read(changed((one) => ({ ...one, globus_username: undefined }))),
      /^Invalid server command\. {2}\(KeyError\) 'globus_username'$/, /KeyError/],
    [read(changed((one) => ({ ...one, globus_identity_set: null }))), /'globus_identity_set'/, /KeyError/],
    [read(changed((one) => ({ ...one, globus_effective_identity: 4 }))), /'globus_effective_identity'/, /KeyError/],
    [read(changed((one) => ({ ...one, command: '__init__' }))), unexpected, /the only command known/],
    [read(changed((one, kwargs) => ({ ...one, kwargs: { ...kwargs, name: undefined } }))), unexpected, /kwargs\.name/],
    [read(changed((one, kwargs) => ({ ...one, kwargs: { ...kwargs, name: '../../x' } }))), unexpected, /kwargs\.name/],
    [read(changed((one, kwargs) => ({ ...one, kwargs: { ...kwargs, name: `uep.${USER}.${CHILD}` } }))), unexpected,
      /is not the one that its credentials are for/],
    [read(changed((one, kwargs) => ({ ...one, kwargs: { ...kwargs, name: `uep.${MANAGER}.${USER}` } }))), unexpected,
      /is not the one that its credentials are for/],
    [read(changed((one) => ({ ...one, args: ['a\0b'] }))), unexpected, /no words of a command line/],
  ];
  for (const [reading, notice, text] of cases) {
    assert.ok(reading.type === 'refused' && reading.notice !== undefined, JSON.stringify(reading));
    assert.match(reading.notice.text, notice);
    assert.match(reading.text, text);
    assert.equal(reading.notice.endpointId, CHILD);
    assert.equal(reading.notice.heartbeats.queue_publish_kwargs.routing_key, `${CHILD}.heartbeats`);
  }
});

test('nothing that anybody can send is more than a refusal', () => {
  const document = parseJson(encodeStartCommand(command).toString()) as JsonObject;
  fc.assert(fc.property(fc.constantFrom(...Object.keys(document)), fc.jsonValue(), (key, value) => {
    const reading = read(Buffer.from(formatJson({ ...document, [key]: value as Json })));
    assert.ok(reading.type === 'refused' || reading.command.name === command.name);
  }));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => read(bytes).type === 'refused'));
});

test('the same words of the same second are somebody who sends them again', () => {
  const replays = new Replays();
  const body = encodeStartCommand(command);
  assert.ok(replays.isNew(body, fresh));
  assert.ok(!replays.isNew(body, fresh));
  assert.ok(replays.isNew(body, { ...fresh, timestampS: NOW + 5 }), 'a reminder');
  assert.ok(replays.isNew(encodeStartCommand({ ...command, userOptions: {} }), fresh), 'something else');
});
