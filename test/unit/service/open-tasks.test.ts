import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenTasks } from '../../../src/service/open-tasks.ts';
import type { Submission } from '../../../src/service/store/tasks.ts';

function submissionOf(...ids: string[]): Submission {
  return {
    id: 's', owner: 'alice', endpoint: 'e', target: 'e', taskGroup: 'g', digest: '', createdS: 0, resources: null,
    serializers: [], tasks: ids.map((id) => ({ id, function: 'f', payload: '' })),
  };
}

test('the first result of a task is known to be for it, and only from who was to run it', () => {
  const open = new OpenTasks();
  const stored = Promise.resolve();
  assert.ok(open.add(submissionOf('a', 'b'), stored));
  assert.equal(open.claim('a', 'stranger'), undefined);
  assert.deepEqual(open.claim('a', 'e'), { owner: 'alice', taskGroup: 'g', target: 'e', stored });
  assert.equal(open.claim('a', 'e'), undefined, 'whatever comes later, the database judges');
  assert.ok(open.claim('b', 'e'));
  assert.equal(open.claim('c', 'e'), undefined);
});

test('tasks that were refused in the end are nobody’s', async () => {
  const open = new OpenTasks();
  const stored = Promise.reject(new Error('full'));
  open.add(submissionOf('a'), stored);
  await assert.rejects(stored);
  assert.equal(open.claim('a', 'e'), undefined);
});

test('there is an end to what is kept', () => {
  const open = new OpenTasks();
  const many = (from: number) => submissionOf(...Array.from({ length: 10_000 }, (_, i) => `${from + i}`));
  let added = 0;
  while (added < 1000 && open.add(many(added * 10_000), Promise.resolve())) added++;
  assert.ok(added > 10 && added < 1000);
  for (let i = 0; i < 10_000; i++) open.claim(`${i}`, 'e');
  assert.ok(open.add(many(0), Promise.resolve()), 'room again');
});
