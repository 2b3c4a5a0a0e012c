import assert from 'node:assert/strict';
import test from 'node:test';
import { ComputeError } from '../../../src/common/errors.ts';
import type { RegisterEndpoint } from '../../../src/common/api.ts';
import { register } from '../../../src/cli/endpoint-registration.ts';
import type { RegisteredEndpoint } from '../../../src/sdk/answers.ts';
import type { Client } from '../../../src/sdk/client.ts';

const BODY: RegisterEndpoint = { endpoint_name: 'one', metadata: {} };

/** A service that answers so. */
async function registered(
  answer: () => Promise<Partial<RegisteredEndpoint>>, id?: string,
): Promise<RegisteredEndpoint> {
  // Of a client, registering asks for this alone.
  const client = { registerEndpoint: answer } as unknown as Client;
  return await register(client, BODY, id, new AbortController().signal);
}

test('a refusal of the service ends the start with the status that says whether another try helps', async () => {
  const cases = [[400, 65], [422, 65], [403, 69], [404, 69], [409, 69], [423, 69]] as const;
  for (const [status, exitStatus] of cases) {
    const cause = new Error('the lock ends in 3 minutes');
    const refusal = new ComputeError('SERVICE_REFUSED', 'the service refused', { cause, details: { status } });
    await assert.rejects(registered(() => Promise.reject(refusal)), (error: ComputeError) => {
      assert.match(error.message, /^Endpoint registration blocked: /);
      assert.deepEqual([error.code, error.details['exitStatus']], ['USAGE', exitStatus]);
      return true;
    }, String(status));
  }
  const other = new ComputeError('SERVICE_UNREACHABLE', 'no answer');
  await assert.rejects(registered(() => Promise.reject(other)), other);
});

test('an endpoint is never started as another than it was', async () => {
  await assert.rejects(registered(() => Promise.resolve({ endpoint_id: 'theirs' }), 'ours'), {
    message: /^Unexpected response from server: mismatched endpoint id\. Expected: ours, received: theirs$/,
    details: { exitStatus: 70 },
  });
  assert.equal((await registered(() => Promise.resolve({ endpoint_id: 'ours' }), 'ours')).endpoint_id, 'ours');
});
