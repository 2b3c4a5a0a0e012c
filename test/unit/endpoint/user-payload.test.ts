import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { endpointQueues } from '../../../src/amqp/queue-info.ts';
import { userEnvironment } from '../../../src/endpoint/user-environment.ts';
import { readPayload } from '../../../src/endpoint/user-payload.ts';

const ID = '7ae2b1f4-0000-4000-8000-000000000001';
const queues = endpointQueues(ID, 'amqp://u:p@broker.example:5672/v');
const local = {
  uname: 'alice', uid: 1000, gid: 100, gecos: '', shell: '/bin/sh', dir: '/home/alice', groups: [100, 27],
};

function whole(changes: object = {}): Record<string, unknown> {
  return {
    amqp_creds: { endpoint_id: ID.toUpperCase(), ...queues }, debug: false,
    ep_info: { posix_ppid: 42, globus_matched_identity: { id: 'x' } },
    render: {
      template: { path: '/t.j2', text: 'x' }, schema: null, user_opts: { A: 1 },
      user_runtime: { globus_compute_sdk_version: '4.19.0', python: { version: '3.12.1' } }, parent_config: {},
      mapped_identity: { local, globus: null },
    },
    ...changes,
  };
}

const read = (document: object): ReturnType<typeof readPayload> => readPayload(JSON.stringify(document));

suite('what a supervisor tells a user endpoint', () => {
  test('is read whole', () => {
    const payload = read(whole({ allowed_functions: [ID], debug: true }));
    assert.deepEqual(payload, {
      endpointId: ID, queues, supervisorPid: 42, origin: { globus_matched_identity: { id: 'x' } },
      allowedFunctions: [ID], debug: true,
      user: { name: 'alice', uid: 1000, gid: 100, groups: [100, 27], home: '/home/alice' },
      render: {
        template: { path: '/t.j2', text: 'x' }, schema: null, userOptions: { A: 1 },
        userRuntime: { globus_compute_sdk_version: '4.19.0', python: { version: '3.12.1' } }, parentConfig: {},
        mappedIdentity: { local, globus: null },
      },
    });
    assert.equal(read(whole()).allowedFunctions, undefined);
  });

  test('is nothing that a person would type', () => {
    const { render } = whole() as { render: object };
    const wrong = ['', 'x', '[]', 'null', '{}', '{"a":'.repeat(300), ...[
      { amqp_creds: { endpoint_id: 'x', ...queues } }, { amqp_creds: { endpoint_id: ID } }, { ep_info: {} },
      { ep_info: { posix_ppid: '1' } }, { render: {} }, { allowed_functions: 'all' }, { allowed_functions: [1] },
      { render: { ...render, template: { path: 1, text: '' } } }, { render: { ...render, user_opts: [] } },
      { render: { ...render, mapped_identity: { local: { ...local, uid: -1 } } } },
      { render: { ...render, mapped_identity: { local: { ...local, groups: ['0'] } } } },
    ].map((changes) => JSON.stringify(whole(changes)))];
    for (const text of wrong) {
      assert.throws(() => readPayload(text), {
        message: 'Missing or invalid endpoint information from stdin. (Hint: this command is not meant to be invoked '
          + 'manually; it should only be run by an endpoint manager process.)',
      }, text);
    }
  });
});

test('the environment is what the administrator gave, and what is missing in it', () => {
  const payload = read(whole());
  assert.deepEqual(userEnvironment({}, payload), {
    HOME: '/home/alice', USER: 'alice', CWD: '/home/alice', PATH: '/usr/local/bin:/usr/bin:/bin',
    GC_USER_PYTHON_VERSION: '3.12.1', GC_USER_SDK_VERSION: '4.19.0',
  });
  const given = {
    HOME: '/scratch/alice', PATH: '/opt/bin', CWD: '/scratch', GC_USER_SDK_VERSION: '1', EXTRA: 'x', USER: '',
  };
  assert.deepEqual(userEnvironment(given, payload), {
    HOME: '/scratch/alice', USER: 'alice', PATH: '/opt/bin', CWD: '/scratch', GC_USER_PYTHON_VERSION: '3.12.1',
    GC_USER_SDK_VERSION: '1', EXTRA: 'x',
  });
  const hostile = { ...payload, render: { ...payload.render, userRuntime: {
    python_version: '3.12; rm -rf /', globus_compute_sdk_version: ['4'] } } };
  assert.equal(Object.keys(userEnvironment({}, hostile)).some((name) => name.startsWith('GC_USER')), false);
});
