// Our bytes against the field's own library: what one packs the other reads, and the other way round.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import test from 'node:test';
import fc from 'fast-check';
import { decodeMessage, encodeMessage, type ResultMessage, type WireMessage } from '../../src/amqp/messages.ts';
import { ACTORS, TASK_STATES } from '../../src/amqp/result-message.ts';
import { pythonVenv } from '../python-venv.ts';

const TASK = '44cf4d6a-7a3c-4f9b-9d4e-0c6c4dd0a5a1';
const ENDPOINT = '0b0f1c52-3d8e-4d6b-8f9a-1e2d3c4b5a69';

const LIBRARY = `
import base64, json, logging, sys
from globus_compute_common import messagepack
from globus_compute_common.messagepack.message_types import EPStatusReport, Result, Task

logging.disable()
KINDS = {"task": Task, "result": Result, "ep_status_report": EPStatusReport}

for line in sys.stdin:
    order = json.loads(line)
    try:
        if "unpack" in order:
            message = messagepack.unpack(base64.b64decode(order["unpack"]))
            again = base64.b64encode(messagepack.pack(message)).decode()
            answer = {"kind": message.message_type, "again": again}
        else:
            message = KINDS[order["kind"]](**order["fields"])
            answer = {"bytes": base64.b64encode(messagepack.pack(message)).decode()}
    except Exception as e:
        answer = {"refused": type(e).__name__}
    print(json.dumps(answer), flush=True)
`;

interface Answer {
  readonly kind?: string;
  readonly again?: string;
  readonly bytes?: string;
  readonly refused?: string;
}

interface Library extends AsyncDisposable {
  ask(order: unknown): Promise<Answer>;
}

async function library(): Promise<Library> {
  const { python } = await pythonVenv();
  const child: ChildProcess = spawn(python, ['-c', LIBRARY], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { stdin, stdout } = child;
  assert.ok(stdin !== null && stdout !== null);
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return {
    ask: async (order) => {
      stdin.write(`${JSON.stringify(order)}\n`);
      const { value, done } = await lines.next();
      assert.ok(done !== true, 'the library ended');
      return JSON.parse(value) as Answer;
    },
    [Symbol.asyncDispose]: async () => {
      stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

test('the field\'s library reads every message of ours, and writes the very same bytes', async () => {
  await using python = await library();
  await fc.assert(fc.asyncProperty(messages, async (message) => {
    const bytes = encodeMessage(message);
    const { kind, again } = await python.ask({ unpack: bytes.toString('base64') });
    assert.equal(kind, message.type);
    assert.equal(Buffer.from(again ?? '', 'base64').toString(), bytes.toString());
  }), { numRuns: 200 });
});

test('we read every message of the field\'s library, and write the very same bytes', async () => {
  await using python = await library();
  const report = { endpoint_id: ENDPOINT, global_state: { heartbeat_period: 30, active: true }, task_statuses: {} };
  const transition = { timestamp: 1795224080706055, state: 'execution-end', actor: 'interchange' };
  for (const [kind, fields] of [
    ['task', { task_id: TASK, task_buffer: '12\n00\ngAR9lC4=\n' }],
    ['task', { task_id: TASK, task_buffer: '', container_id: null, container: null }],
    ['result', { task_id: TASK, data: '00\ngARLBy4=\n' }],
    ['result', { task_id: TASK, data: 'é😀\u2028"\\\n\u0000\u007f', details: { deep: { a: [1, 2.5, null] } } }],
    ['result', { task_id: TASK, data: 'Traceback', error_details: { code: 'C', user_message: 'm' },
      task_statuses: [transition, { ...transition, state: 'waiting-for-launch' }] }],
    ['ep_status_report', report],
    ['ep_status_report', { ...report, global_state: { error: 'x' }, task_statuses: { [TASK]: [transition] } }],
  ] as const) {
    const { bytes, refused } = await python.ask({ kind, fields });
    assert.equal(refused, undefined);
    const packed = Buffer.from(bytes ?? '', 'base64');
    const message = decodeMessage(packed);
    assert.ok(message.type !== 'refused', message.type === 'refused' ? message.text : '');
    assert.equal(message.type, kind);
    assert.equal(encodeMessage(message).toString(), packed.toString());
  }
});

test('nanoseconds arrive there as they left here', async () => {
  await using python = await library();
  const message: ResultMessage = {
    type: 'result', taskId: TASK, data: '', details: undefined, error: undefined,
    transitions: [{ timestampNs: 1795224080706055543n, state: 'execution-start', actor: 'worker' }],
  };
  const { again } = await python.ask({ unpack: encodeMessage(message).toString('base64') });
  assert.match(Buffer.from(again ?? '', 'base64').toString(), /"timestamp":1795224080706055543,/);
});

test('a result that we would forward is one that the field\'s library can read', async () => {
  await using python = await library();
  const words = fc.constantFrom<unknown>(null, 0, 1, -0, 1.5, 1e3, '', 'text', '1', 'running', 'worker',
    TASK.toUpperCase(), `{${TASK}}`, TASK.replaceAll('-', ''), 'a\ud800b', true, [], {}, [{}], { code: 'c' },
    { code: 'c', user_message: 'm' }, { code: null, user_message: 'm' },
    [{ timestamp: 1, state: 'running', actor: 'worker' }], [{ timestamp: '1', state: 'running', actor: 'worker' }]);
  const mostly = (...good: unknown[]): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...good) }, { weight: 1, arbitrary: words });
  const fields = fc.record({
    task_id: mostly(TASK), data: mostly('x'), details: mostly(null, { a: 1 }),
    error_details: mostly(null, { code: 'c', user_message: 'm', more: 1 }),
    task_statuses: mostly(null, [], [{ timestamp: 1, state: 'running', actor: 'worker', more: 1 }]), unknown: words,
  }, { requiredKeys: ['task_id', 'data'] });
  let accepted = 0;
  await fc.assert(fc.asyncProperty(fields, async (data) => {
    const bytes = Buffer.from(`\x01${JSON.stringify({ message_type: 'result', data })}`);
    const { type } = decodeMessage(bytes);
    if (type === 'refused') return;
    accepted++;
    const { kind, refused } = await python.ask({ unpack: bytes.toString('base64') });
    assert.equal(kind, 'result', refused);
  }), { numRuns: 1_000 });
  assert.ok(accepted > 100, `${accepted} were accepted`);
});

const text = fc.string({ unit: 'grapheme' });
const transitions = fc.array(fc.record({
  timestampNs: fc.bigInt({ min: 0n, max: 2n ** 63n }), state: fc.constantFrom(...TASK_STATES),
  actor: fc.constantFrom(...ACTORS),
}), { maxLength: 3 });
const values = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.constant(1795224080706055543n));
const object = fc.dictionary(text, values, { noNullPrototype: true });

const messages: fc.Arbitrary<WireMessage> = fc.oneof(
  fc.record({ type: fc.constant('task' as const), taskId: fc.uuid(), taskBuffer: text }),
  fc.record({
    type: fc.constant('result' as const), taskId: fc.uuid(), data: text,
    details: fc.option(object, { nil: undefined }),
    error: fc.option(fc.record({ code: text, userMessage: text }), { nil: undefined }),
    transitions: fc.option(transitions, { nil: undefined }),
  }),
  fc.record({
    type: fc.constant('ep_status_report' as const), endpointId: fc.uuid(), state: object,
    taskStatuses: fc.dictionary(fc.uuid(), transitions, { maxKeys: 3 }),
  }),
);
