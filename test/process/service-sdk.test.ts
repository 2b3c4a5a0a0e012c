// The field's own Python SDK, unchanged, against the service. Its endpoint is a stand-in that runs what it is sent.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { scratch } from '../fakes/scratch.ts';
import { documentIn, startScript, tellingScript, type Place, type Script } from '../sdk-script.ts';
import { testService, type User } from '../service.ts';
import { until } from './harness.ts';
import { sdkExamples } from './sdk-examples.ts';

suite('the Python SDK', () => {
  let place: Place & { readonly user: User };
  let home: Awaited<ReturnType<typeof scratch>>;
  let endpoint: string;
  let standIn: Script;

  before(async () => {
    home = await scratch();
    const service = await testService();
    const user = await service.user();
    place = { service, user, home: home.path };
    const { body } = await service.ask('POST', '/v3/endpoints', {
      as: user.token, body: { endpoint_name: 'stand-in', metadata: {} },
    });
    endpoint = body.endpoint_id as string;
    standIn = await startScript(place, 'stand_in.py', [], 10 * 60_000);
    standIn.child.stdin?.end(JSON.stringify(body));
    standIn.end.catch(() => { /* it is killed when all is done */ });
    await until('the stand-in', () => standIn.said().includes('ready'), 60_000);
  });
  after(async () => {
    standIn?.child.kill('SIGKILL');
    await standIn?.end.catch(() => { /* as it was killed */ });
    await place?.service[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });

  sdkExamples(() => ({ place, endpoint }));

  test('refusals reach the user with their status, code and text', async () => {
    const nobody = '00000000-0000-4000-8000-000000000000';
    assert.deepEqual(await tellingScript(place, 'refusals.py', [endpoint]), {
      endpoint: [404, 'ENDPOINT_NOT_FOUND', `Endpoint ${nobody} could not be resolved`],
      function: [404, 'FUNCTION_NOT_FOUND', `Function ${nobody} could not be resolved`],
      task: [404, 'TASK_NOT_FOUND', `Task ${nobody} could not be resolved`],
      payload: [413, 'TASK_PAYLOAD_TOO_LARGE', 'function and arguments of a task may have 10485760 bytes'],
    });
  });

  test('a person logs in once; tokens are renewed and given back', async () => {
    const { service, user, home: directory } = place;
    const script = await startScript({ service, home: `${directory}/fresh` }, 'login.py');
    const url = await until('the address of the log-in', () => /http\S+authorize\S+/.exec(script.said())?.[0], 60_000);
    const code = await login(url, user);
    script.child.stdin?.write(`${code}\n`);
    const outcome = documentIn(await script.end);
    assert.deepEqual(outcome, { name: 'f', servers: ['auth.globus.org', 'funcx_service'], renewed: true });
  });
});

/** What a person does with a browser. */
async function login(url: string, { username, token }: User): Promise<string> {
  const page = await (await fetch(url)).text();
  const fields = [...page.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name = '', value = '']) =>
    [name, value.replaceAll('&amp;', '&')] as const);
  const form = new URLSearchParams(
    [...fields, ['login_username', username], ['login_token', token]] as [string, string][],
  );
  const answer = await fetch(url.split('?')[0] ?? '', { method: 'POST', body: form });
  return /<code>([^<]+)<\/code>/.exec(await answer.text())?.[1] ?? '';
}
