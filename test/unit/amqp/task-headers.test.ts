import assert from 'node:assert/strict';
import test from 'node:test';
import { readTaskHeaders, writeTaskHeaders, type TaskHeaders } from '../../../src/amqp/task-headers.ts';

const IDS = { taskId: '44cf4d6a-7a3c-4f9b-9d4e-0c6c4dd0a5a1', functionId: '0b0f1c52-3d8e-4d6b-8f9a-1e2d3c4b5a69' };
const GROUP = '5d1e6c1e-4d0b-4a55-8a9c-0d5c2f6f0f10';
const WIRE = { task_uuid: IDS.taskId, function_uuid: IDS.functionId };

test('the resource specification travels as text and the serializers as a list', () => {
  const headers: TaskHeaders = {
    ...IDS, resourceSpecification: { num_nodes: 2, big: 1795224080706055542n }, resultSerializers: ['a.B', 'c.D'],
    straightTo: GROUP,
  };
  const wire = writeTaskHeaders(headers);
  assert.deepEqual(wire, {
    ...WIRE, resource_specification: '{"num_nodes":2,"big":1795224080706055542}', result_serializers: ['a.B', 'c.D'],
    straight_to: GROUP,
  });
  assert.deepEqual(readTaskHeaders(wire), headers);
});

test('without either there is the text null, and no list', () => {
  const headers: TaskHeaders = {
    ...IDS, resourceSpecification: undefined, resultSerializers: [], straightTo: undefined,
  };
  assert.deepEqual(writeTaskHeaders(headers), { ...WIRE, resource_specification: 'null' });
  for (const nothing of [{}, { resource_specification: null }, { resource_specification: '', result_serializers: null },
    { resource_specification: 'null', result_serializers: [] }, { straight_to: '*' }]) {
    assert.deepEqual(readTaskHeaders({ ...WIRE, ...nothing }), headers);
  }
});

test('headers that are not what they have to be are refused', () => {
  for (const [change, text] of [
    [{ task_uuid: undefined }, /task_uuid/], [{ task_uuid: 7 }, /task_uuid/], [{ function_uuid: 'x' }, /function_uuid/],
    [{ resource_specification: '[1]' }, /resource_specification/], [{ resource_specification: '{' }, /resource_spec/],
    [{ resource_specification: {} }, /resource_spec/], [{ result_serializers: 'a' }, /result_serializers/],
    [{ result_serializers: [1] }, /result_serializers/], [{ result_serializers: Array(65).fill('a') }, /serializers/],
  ] as const) {
    const read = readTaskHeaders({ ...WIRE, ...change });
    assert.match('type' in read ? read.text : 'accepted', text);
  }
});
