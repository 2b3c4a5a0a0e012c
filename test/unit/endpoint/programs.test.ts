// From a message to what an engine is given, and from what an engine says to a result.

import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeMessage } from '../../../src/amqp/messages.ts';
import { writeTaskHeaders } from '../../../src/amqp/task-headers.ts';
import { writeFunction, writeValue } from '../../../src/common/javascript.ts';
import { pack } from '../../../src/common/packed.ts';
import { decodePayload, encodePayload } from '../../../src/common/payload.ts';
import type { FunctionDefinition, FunctionId, PythonResult } from '../../../src/common/protocol.ts';
import type { Arrived } from '../../../engine/pending.ts';
import { readArrival, readWritten, writeArrival, type ArrivedTask } from '../../../src/endpoint/arrival.ts';
import { parseEngineBlock } from '../../../src/endpoint/engine-block.ts';
import { argumentsOf, Programs } from '../../../src/endpoint/programs.ts';
import { readResources } from '../../../src/endpoint/resources.ts';
import { failureOf, notAllowed, notStarted, resultOf } from '../../../src/endpoint/result-of.ts';

const TASK = '3d7b6c1e-4d0b-4a55-8a9c-0d5c2f6f0f10';
const FUNCTION = '3d7b6c1e-4d0b-4a55-8a9c-0d5c2f6f0f11';
const ENDPOINT = '3d7b6c1e-4d0b-4a55-8a9c-0d5c2f6f0f12';
const PYTHON = pack('01\ngASV5Q\n');
const GROUP = '5d1e6c1e-4d0b-4a55-8a9c-0d5c2f6f0f10';
const PYTHON_ARGS = pack('00\ngAQpLg==\n', '00\ngAR9lC4=\n');
const SCRIPT = pack(writeFunction({ form: 'source', name: 'f', source: '(a) => a' }));

const block = parseEngineBlock({ type: 'GlobusComputeEngine', run_in_sandbox: true, max_retries_on_system_failure: 2 },
  2);
const to = { taskId: TASK, endpointId: ENDPOINT, details: { endpoint_id: ENDPOINT } };

function taskOf(code: string, payload: string, keys: Partial<ArrivedTask> = {}): ArrivedTask {
  return {
    taskId: TASK, functionId: FUNCTION, code, payload, resourceSpecification: undefined, resultSerializers: [],
    straightTo: undefined, ...keys,
  };
}

function engine() {
  const defined: FunctionDefinition[] = [];
  const programs = new Programs({
    define: (definition) => `f${defined.push(definition)}` as FunctionId,
    footprint: (asked) => Object.keys(asked).length === 0 ? undefined : { width: 2, asked },
  }, { block, directory: '/tasks' });
  return { defined, programs };
}

function message(code: string, payload: string, headers = {}) {
  return {
    headers: {
      ...writeTaskHeaders({ taskId: TASK, functionId: FUNCTION, resourceSpecification: undefined,
        resultSerializers: [], straightTo: undefined }), ...headers,
    },
    body: encodeMessage({ type: 'task', taskId: TASK, taskBuffer: code + payload }),
  };
}

test('a task\'s message is function and arguments, and is the same when the ledger gives it back', () => {
  const delivered = message(PYTHON, PYTHON_ARGS, { result_serializers: ['globus_compute_sdk.x.JSONData'] });
  const expected = [taskOf(PYTHON, PYTHON_ARGS, { resultSerializers: ['globus_compute_sdk.x.JSONData'] })];
  assert.deepEqual(readArrival(delivered), expected);
  assert.deepEqual(readArrival(readWritten(writeArrival(delivered))), expected);
});

test('lengths of source texts count code points', () => {
  const code = pack('st\nf:def f(): return "😀"');
  assert.deepEqual(readArrival(message(code, PYTHON_ARGS)), [taskOf(code, PYTHON_ARGS)]);
});

test('a bundle is its tasks', () => {
  const tasks = [{ taskId: TASK, payload: 'a' }, { taskId: ENDPOINT, payload: 'b' }];
  const body = encodeMessage({
    type: 'task_bundle', functionId: FUNCTION, code: PYTHON, resourceSpecification: { priority: 3 },
    resultSerializers: [], straightTo: GROUP, tasks,
  });
  assert.deepEqual(readArrival({ headers: {}, body }), tasks.map(({ taskId, payload }) =>
    taskOf(PYTHON, payload, { taskId, resourceSpecification: { priority: 3 }, straightTo: GROUP })));
});

test('what cannot be read names its task where it can', () => {
  const whole = message(PYTHON, PYTHON_ARGS);
  const cut = { ...whole, body: whole.body.subarray(0, 40) };
  const cases: [Parameters<typeof readArrival>[0], string | undefined, RegExp][] = [
    [cut, TASK, /not JSON/],
    [{ headers: {}, body: Buffer.from([1]) }, undefined, /not JSON/],
    [{ headers: {}, body: whole.body }, undefined, /task_uuid is not a UUID/],
    [{ ...whole, headers: { ...whole.headers, function_uuid: 'x' } }, TASK, /function_uuid/],
    [{ ...whole, headers: { ...whole.headers, resource_specification: '{' } }, TASK, /resource_specification/],
    [message(PYTHON, ''), TASK, /cut short/],
    [message('12\n01', ''), TASK, /cut short/],
    [{ ...whole, body: encodeMessage({ type: 'ep_status_report', endpointId: ENDPOINT, state: {}, taskStatuses: {} }) },
      TASK, /of type ep_status_report/],
    [{ ...whole, body: Buffer.from([9, 1, 2]) }, TASK, /version 9/],
  ];
  for (const [delivered, taskId, why] of cases) {
    const read = readArrival(delivered);
    assert.ok('type' in read, JSON.stringify(read));
    assert.equal(read.taskId, taskId);
    assert.match(read.why, why);
  }
});

test('Python and JavaScript go to their own workers, each function once', () => {
  const { defined, programs } = engine();
  const python = programs.of(taskOf(PYTHON, PYTHON_ARGS));
  assert.equal(programs.of(taskOf(PYTHON, 'others')), python);
  assert.deepEqual([python.language, python.kind.retries], ['python', 2]);
  const script = programs.of(taskOf(SCRIPT, '', { functionId: ENDPOINT }));
  assert.deepEqual([script.language, script.kind.retries], ['javascript', 0]);
  assert.deepEqual(defined, [
    { form: 'python', name: FUNCTION, code: PYTHON, resultSerializers: [], allowedSerializers: [],
      directory: '/tasks', sandbox: true },
    { form: 'source', name: 'f', source: '(a) => a' },
  ]);
  assert.notEqual(programs.of(taskOf(pack('01\nother'), '')), python, 'the same id with other code is another');
  const prior = programs.of(taskOf(PYTHON, '', { resourceSpecification: { priority: 1, cores: 4 } }));
  assert.deepEqual([prior.kind.priority, prior.kind.footprint?.asked], [1, { cores: 4 }]);
});

test('the arguments reach the worker as they came', () => {
  assert.deepEqual(decodePayload(argumentsOf(taskOf(PYTHON, PYTHON_ARGS), 'python').bytes, []), [TASK, PYTHON_ARGS]);
  const payload = pack(writeValue(encodePayload([1, { b: 2n }])));
  assert.deepEqual(decodePayload(argumentsOf(taskOf(SCRIPT, payload), 'javascript').bytes, []), [1, { b: 2n }]);
  assert.throws(() => argumentsOf(taskOf(SCRIPT, PYTHON_ARGS), 'javascript'), /not serialised as its SDK does/);
  assert.throws(() => argumentsOf(taskOf(SCRIPT, 'x'), 'javascript'), /item 1 of a packed buffer has no length/);
});

test('a tag that nobody knows, or a function that is none, is said', () => {
  const { programs } = engine();
  assert.throws(() => programs.of(taskOf(pack('zz\nbody'), '')),
    /serialised as "zz", which this endpoint does not know/);
  assert.throws(() => programs.of(taskOf(pack('js\n{'), '')), /says that it is JavaScript, and is not/);
  assert.throws(() => programs.of(taskOf('', '')), /does not know/);
});

test('resources are what the engine\'s type takes', () => {
  const mpi = parseEngineBlock({ type: 'GlobusMPIEngine' }, 2);
  const pool = parseEngineBlock({ type: 'ThreadPoolEngine' }, 2);
  assert.deepEqual(readResources(block, { priority: 2, gpus: null }), { asked: {}, priority: 2 });
  assert.deepEqual(readResources(mpi, { num_nodes: 2 }), { asked: { num_nodes: 2 } });
  assert.throws(() => readResources(block, { num_nodes: 2 }),
    /only accepts these types of resources: priority, cores, memory, gpus \(got: num_nodes\)/);
  assert.throws(() => readResources(mpi, { priority: 2 }), /only accepts these types of resources: num_nodes/);
  assert.throws(() => readResources(mpi, { num_nodes: 'two' }), /num_nodes must be a number/);
  assert.deepEqual(readResources(pool, {}), { asked: {} });
  assert.throws(() => readResources(pool, { priority: 1 }),
    /resource_specification is not supported on ThreadPoolEngine\. {2}For MPI apps, use GlobusMPIEngine\.$/);
});

const arrived: Arrived = {
  header: { startedAtMs: 1_795_224_080_706.5 } as Arrived['header'], // all that is read of it
  startedMs: Float32Array.of(1), runMs: Float32Array.of(2), buffers: [], settledAtMs: 0,
};

test('a Python result travels as the worker wrote it', () => {
  const result: PythonResult = {
    data: '00\ngARLAy4=\n', details: { python_version: '3.11.2' }, startedNs: 1795224080706055542n,
    endedNs: 1795224080711800338n,
  };
  const made = resultOf(to, 'python', true, encodePayload(result), arrived, 0);
  assert.deepEqual(made, {
    type: 'result', taskId: TASK, data: '00\ngARLAy4=\n', details: { python_version: '3.11.2', endpoint_id: ENDPOINT },
    error: undefined, transitions: [
      { timestampNs: 1795224080706055542n, state: 'execution-start', actor: 'worker' },
      { timestampNs: 1795224080711800338n, state: 'execution-end', actor: 'worker' },
    ],
  });
  const failure = { code: 'RemoteExecutionError', message: 'An error occurred during the execution of this task' };
  const raised = resultOf(to, 'python', true, encodePayload({ ...result, failure }), arrived, 0);
  assert.deepEqual(raised.error, { code: failure.code, userMessage: failure.message });
  const large = resultOf(to, 'python', true, encodePayload({ ...result, data: 'x'.repeat(11 << 20) }), arrived, 0);
  assert.deepEqual([large.data, large.error?.code],
    ['MaxResultSizeExceeded(11534336, 10485760)', 'MaxResultSizeExceeded']);
  const strange = resultOf(to, 'python', true, encodePayload({ data: 1 }), arrived, 0);
  assert.match(strange.data, /what the worker said of the task could not be read/);
});

test('a result of JavaScript is its bytes, and says when it ran', () => {
  const value = encodePayload({ a: [1, 2n] });
  const made = resultOf(to, 'javascript', true, value, arrived, 0);
  assert.deepEqual([made.data, made.error, made.details], [writeValue(value), undefined, to.details]);
  assert.deepEqual(made.transitions?.map(({ timestampNs }) => timestampNs),
    [1795224080707500000n, 1795224080709500000n]);
  const large = resultOf(to, 'javascript', true, encodePayload('x'.repeat(9 << 20)), arrived, 0);
  assert.equal(large.error?.code, 'RESULT_TOO_LARGE');
});

test('failures read as their SDK expects them', () => {
  const why = 'the worker ended: killed by SIGKILL';
  const failure = { code: 'WORKER_LOST', name: 'ComputeError', message: why } as const;
  const python = failureOf(to, 'python', failure);
  assert.deepEqual(python.data.split('\n'), ['+'.repeat(68), 'WorkerLost: the worker ended: killed by SIGKILL',
    '-'.repeat(68), '']);
  assert.deepEqual(python.error, {
    code: 'RemoteExecutionError', userMessage: 'An error occurred during the execution of this task',
  });
  const script = failureOf(to, 'javascript', failure);
  assert.deepEqual(script.error, { code: 'WORKER_LOST', userMessage: failure.message });
  assert.match(script.data, /^jf\n/);
  assert.deepEqual(notAllowed(to, FUNCTION), {
    type: 'result', taskId: TASK, data: `Function ${FUNCTION} not permitted on endpoint ${ENDPOINT}`,
    details: { fid: FUNCTION, eid: ENDPOINT }, transitions: [], error: {
      code: 'FUNCTION_NOT_ALLOWED', userMessage: `Function ${FUNCTION} not permitted on endpoint ${ENDPOINT}`,
    },
  });
  assert.equal(notStarted(to, undefined, new Error('broken \uD800')).data, 'Failed to start task: broken \uFFFD');
});
