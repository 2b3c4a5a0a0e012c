// What becomes of tasks whose request was refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComputeError } from '../../../src/common/errors.ts';
import type { Client } from '../../../src/sdk/client.ts';
import type { EndpointFuture } from '../../../src/sdk/endpoint-future.ts';
import type { EndpointTasks } from '../../../src/sdk/endpoint-tasks.ts';
import { Requests } from '../../../src/sdk/requests.ts';
import { settle } from '../../fakes/clock.ts';

/** Two functions' tasks in one request, which is refused so: the functions of each request, and how the tasks ended. */
async function refused(code: string): Promise<{ readonly asked: string[][]; readonly failed: number }> {
  const asked: string[][] = [];
  let failed = 0;
  const client: Pick<Client, 'submit'> = {
    submit: async (_, body) => {
      asked.push(Object.keys((JSON.parse(body as string) as { tasks: object }).tasks));
      throw new ComputeError('SERVICE_REFUSED', 'no', { details: { status: 422, code } });
    },
  };
  const tasks: Pick<EndpointTasks, 'asked' | 'answered' | 'isOpen' | 'fail'> = {
    asked: () => {}, answered: () => {}, isOpen: () => true, fail: () => { failed++; },
  };
  // Both are all that is used of them here.
  const requests = new Requests(client as Client, tasks as EndpointTasks, {
    endpointId: 'e', userEndpointConfig: { a: 1 }, taskGroupId: undefined, tasksMax: 10, onGroup: () => {},
    signal: new AbortController().signal,
  });
  const kind = { key: '', fields: '' };
  for (const fn of ['f', 'g']) requests.add(kind, fn, 1, { payload: 'x', future: {} as EndpointFuture<unknown> });
  for (let i = 0; i < 5; i++) await settle();
  const [first = [], ...apart] = asked;
  return { asked: [first, ...apart.reverse()], failed };
}

test('where one function may be the reason, each goes by itself; an endpoint is not started for each', async () => {
  assert.deepEqual(await refused('FUNCTION_NOT_PERMITTED'), { asked: [['f', 'g'], ['f'], ['g']], failed: 2 });
  for (const code of ['SEMANTICALLY_INVALID', 'ENDPOINT_ACCESS_FORBIDDEN', 'FAILED_STARTS_EXCEEDED']) {
    assert.deepEqual(await refused(code), { asked: [['f', 'g']], failed: 2 }, code);
  }
});
