import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { ResultBundle, TaskBundle } from '../../../src/amqp/bundles.ts';
import {
  decodeMessage, encodeMessage, type ResultMessage, type StatusReport, type TaskMessage, type WireMessage,
} from '../../../src/amqp/messages.ts';
import { ACTORS, TASK_STATES } from '../../../src/amqp/result-message.ts';
import type { JsonObject } from '../../../src/common/json.ts';

const TASK = '44cf4d6a-7a3c-4f9b-9d4e-0c6c4dd0a5a1';
const ENDPOINT = '0b0f1c52-3d8e-4d6b-8f9a-1e2d3c4b5a69';

function wire(data: string, type = 'result'): Buffer {
  return Buffer.from(`\x01{"message_type":"${type}","data":${data}}`);
}

test('a task has the bytes that the field gives it', () => {
  const message: TaskMessage = { type: 'task', taskId: TASK, taskBuffer: '299\n01\ngASV\n' };
  const bytes = encodeMessage(message);
  assert.equal(bytes.toString(), `\x01{"message_type":"task","data":{"task_id":"${TASK}","container_id":null,`
    + '"container":null,"task_buffer":"299\\n01\\ngASV\\n"}}');
  assert.deepEqual(decodeMessage(bytes), message);
});

test('a result has the bytes that the field gives it, and its nanoseconds stay exact', () => {
  const message: ResultMessage = {
    type: 'result', taskId: TASK, data: '00\ngARLBy4=\n',
    details: { os: 'Linux', endpoint_id: ENDPOINT }, error: undefined,
    transitions: [{ timestampNs: 1795224080706055542n, state: 'execution-start', actor: 'worker' }],
  };
  const bytes = encodeMessage(message);
  assert.equal(bytes.toString(), `\x01{"message_type":"result","data":{"task_id":"${TASK}","data":"00\\ngARLBy4=\\n",`
    + `"details":{"os":"Linux","endpoint_id":"${ENDPOINT}"},"error_details":null,"task_statuses":[{"timestamp":`
    + '1795224080706055542,"state":"execution-start","actor":"worker"}]}}');
  assert.deepEqual(decodeMessage(bytes), message);
});

test('a failure and a report have the bytes that the field gives them', () => {
  const failure: ResultMessage = {
    type: 'result', taskId: TASK, data: 'Traceback', details: undefined, transitions: undefined,
    error: { code: 'RemoteExecutionError', userMessage: 'An error occurred' },
  };
  assert.equal(encodeMessage(failure).toString(), `\x01{"message_type":"result","data":{"task_id":"${TASK}","data":`
    + '"Traceback","details":null,"error_details":{"code":"RemoteExecutionError","user_message":"An error occurred"},'
    + '"task_statuses":null}}');
  const report: StatusReport = {
    type: 'ep_status_report', endpointId: ENDPOINT, state: { heartbeat_period: 30 }, taskStatuses: {},
  };
  assert.equal(encodeMessage(report).toString(), `\x01{"message_type":"ep_status_report","data":{"endpoint_id":`
    + `"${ENDPOINT}","global_state":{"heartbeat_period":30},"task_statuses":{}}}`);
  for (const message of [failure, report]) assert.deepEqual(decodeMessage(encodeMessage(message)), message);
});

test('any message comes back as it went', () => {
  fc.assert(fc.property(messages, (message) => {
    assert.deepEqual(decodeMessage(encodeMessage(message)), message);
  }));
});

test('spacing, order, unknown fields, the other name of the state and upper-case ids are read', () => {
  const read = decodeMessage(Buffer.from(`\x01 { "data" : { "task_statuses" : {}, "new": [1],
    "ep_status_report": {"a": 1}, "endpoint_id": "${ENDPOINT.toUpperCase()}" }, "x": 1,
    "message_type": "ep_status_report" } `));
  assert.deepEqual(read, { type: 'ep_status_report', endpointId: ENDPOINT, state: { a: 1 }, taskStatuses: {} });
  assert.deepEqual(decodeMessage(wire(`{"task_id":"${TASK}","data":""}`)), {
    type: 'result', taskId: TASK, data: '', details: undefined, error: undefined, transitions: undefined,
  });
});

test('what is not a message is refused with the reason, and nothing of the payload is repeated', () => {
  const status = (text: string): string => `{"task_id":"${TASK}","data":"","task_statuses":${text}}`;
  const cases: [bytes: Uint8Array, reason: string, text: RegExp][] = [
    [Buffer.alloc(0), 'empty', /empty/],
    [Buffer.alloc(64 * 1024 * 1024 + 1, 1), 'too-large', /67108865 bytes/],
    [Buffer.from('\x02{}'), 'unknown-version', /version 2; known is 1/],
    [Buffer.from('{"message_type":"task"}'), 'unknown-version', /version 123/],
    [Buffer.from('\x01'), 'not-json', /not JSON/],
    [Buffer.from([1, 0x22, 0xff, 0x22]), 'not-json', /not JSON/],
    [Buffer.from('\x01\ufeff{}'), 'not-json', /not JSON/],
    [Buffer.from('\x01[]'), 'wrong-field', /envelope/],
    [Buffer.from('\x01{"data":{}}'), 'unknown-type', /message_type/],
    [Buffer.from('\x01{"message_type":"result"}'), 'wrong-field', /data is missing/],
    [wire('{}', 'task_cancel'), 'unknown-type', /"task_cancel"/],
    [wire('{}', 'constructor'), 'unknown-type', /"constructor"/],
    [wire('{"task_id":"secret","data":""}'), 'wrong-field', /^data\.task_id is not a UUID$/],
    [wire(`{"task_id":"${TASK}"}`), 'wrong-field', /^data\.data is not a text$/],
    [wire(`{"task_id":"${TASK}","data":"\\ud800"}`), 'wrong-field', /^data\.data is not a text$/],
    [wire(`{"task_id":"${TASK}","data":"","error_details":{"code":1}}`), 'wrong-field', /error_details\.code/],
    [wire(`{"task_id":"${TASK}","data":"","details":[]}`), 'wrong-field', /data\.details is not an object/],
    [wire(status('{}')), 'wrong-field', /task_statuses is not a list/],
    [wire(status('[1]')), 'wrong-field', /task_statuses\[0\] is not an object/],
    [wire(status('[{"timestamp":1.5,"state":"running","actor":"worker"}]')), 'wrong-field', /timestamp is not an int/],
    [wire(status('[{"timestamp":1,"state":"dreaming","actor":"worker"}]')), 'wrong-field', /\[0\]\.state/],
    [wire(status('[{"timestamp":1,"state":"running","actor":"nobody"}]')), 'wrong-field', /\[0\]\.actor/],
    [wire(`{"function_uuid":"${TASK}","function_code":"f","tasks":[["${TASK}","p"],["secret","p"]]}`, 'task_bundle'),
      'wrong-field', /^data\.tasks\[1\] is not what/],
    [wire(`{"results":[{"task_id":"${TASK}","data":"","times":[[1,2,"running"]]}]}`, 'result_bundle'),
      'wrong-field', /results\[0\]\.times\[0\]/],
  ];
  for (const [bytes, reason, text] of cases) {
    const read = decodeMessage(bytes);
    assert.equal(read.type === 'refused' ? read.reason : read.type, reason, bytes.toString().slice(0, 80));
    assert.match(read.type === 'refused' ? read.text : '', text);
    assert.doesNotMatch(read.type === 'refused' ? read.text : '', /secret/);
  }
});

test('bytes of any kind, and messages cut off or changed anywhere, never throw', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    decodeMessage(bytes);
    decodeMessage(Uint8Array.of(1, ...bytes));
  }));
  fc.assert(fc.property(messages, fc.nat(), fc.nat(255), (message, at, byte) => {
    const bytes = encodeMessage(message);
    const index = at % bytes.length;
    assert.equal(decodeMessage(bytes.subarray(0, index)).type, 'refused');
    bytes[index] = byte;
    decodeMessage(bytes);
  }));
});

const text = fc.string({ unit: 'grapheme' });
const uuid = fc.uuid();
const object = fc.dictionary(text.filter((key) => key !== '__proto__'),
  fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.constant(1795224080706055542n))) as
  fc.Arbitrary<JsonObject>;
const transitions = fc.array(fc.record({
  timestampNs: fc.bigInt({ min: 0n, max: 2n ** 64n }), state: fc.constantFrom(...TASK_STATES),
  actor: fc.constantFrom(...ACTORS),
}), { maxLength: 3 });

// Objects without a prototype are for the generator alone.
const plain = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T> => arbitrary.map((value) => structuredClone(value));

const result = fc.record<ResultMessage>({
  type: fc.constant('result'), taskId: uuid, data: text, details: fc.option(object, { nil: undefined }),
  error: fc.option(fc.record({ code: text, userMessage: text }), { nil: undefined }),
  transitions: fc.option(transitions, { nil: undefined }),
});

const messages: fc.Arbitrary<WireMessage> = plain(fc.oneof(
  fc.record<TaskMessage>({ type: fc.constant('task'), taskId: uuid, taskBuffer: text }),
  result,
  fc.record<StatusReport>({
    type: fc.constant('ep_status_report'), endpointId: uuid, state: object,
    taskStatuses: fc.dictionary(uuid, transitions, { maxKeys: 3 }),
  }),
  fc.record<TaskBundle>({
    type: fc.constant('task_bundle'), functionId: uuid, code: text,
    resourceSpecification: fc.option(object, { nil: undefined }), resultSerializers: fc.array(text, { maxLength: 3 }),
    straightTo: fc.option(uuid, { nil: undefined }),
    tasks: fc.array(fc.record({ taskId: uuid, payload: text }), { maxLength: 4 }),
  }),
  fc.record<ResultBundle>({ type: fc.constant('result_bundle'), results: fc.array(result, { maxLength: 4 }) }),
));
