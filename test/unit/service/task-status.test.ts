import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusOf } from '../../../src/service/task-status.ts';

const ID = '01a1fec6-57b4-7288-a8fc-2cf773bc6074';
const open = { id: ID, endpoint: ID, message: null, completed: null };

test('an open task has a state and nothing else', () => {
  assert.deepEqual(statusOf({ ...open, published: false }), { task_id: ID, status: 'received' });
  assert.deepEqual(statusOf({ ...open, published: true }), { task_id: ID, status: 'waiting-for-ep' });
});

test('an ended task has its result or its failure, never both keys, and its times in seconds', () => {
  const result = (data: object) => statusOf({
    ...open, published: true, completed: 1677183605.212898, message: JSON.stringify({ message_type: 'result', data }),
  });
  const task_statuses = [{ timestamp: 2e9, state: 'execution-start', actor: 'worker' }];
  assert.deepEqual(result({ task_id: ID, data: 'v', details: { os: 'Linux' }, error_details: null, task_statuses }), {
    task_id: ID, status: 'success', result: 'v', completion_t: '1677183605.212898',
    details: { os: 'Linux', task_transitions: { 'execution-start': 2 } },
  });
  assert.deepEqual(result({ task_id: ID, data: 'Traceback', error_details: { code: 'c', user_message: 'm' } }), {
    task_id: ID, status: 'failed', exception: 'Traceback', completion_t: '1677183605.212898', details: {
      task_transitions: {},
    },
  });
});
