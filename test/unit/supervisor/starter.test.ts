import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import test from 'node:test';
import { endpointQueues } from '../../../src/amqp/queue-info.ts';
import { silentLog } from '../../../src/common/log.ts';
import type { StartOrder } from '../../../src/supervisor/children.ts';
import { parseSupervisorConfig } from '../../../src/supervisor/config.ts';
import { StartFailed, type StartFailure } from '../../../src/supervisor/launch.ts';
import type { SupervisorOrders } from '../../../src/supervisor/orders.ts';
import { Starter } from '../../../src/supervisor/starter.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { scratch } from '../../fakes/scratch.ts';

const order: StartOrder = {
  account: { name: 'alice', uid: 1001, gid: 1001, gecos: '', directory: '/', shell: '/bin/sh', groups: [1001] },
  command: {
    username: 'alice', effectiveIdentity: 'i', identitySet: [], name: 'uep.a.b', endpointId: 'b', args: [],
    userOptions: {}, userRuntime: {}, queues: endpointQueues('b', 'amqp://h'),
  },
};
// It is refused before any of this is used.
const options = {
  becomes: true, own: { environment: {}, nodeDirectory: '/usr/bin', program: ['/nowhere/node'] as [string] },
};

async function refusal(directory: string, schema: string | null): Promise<StartFailure> {
  const config = parseSupervisorConfig({});
  const queues = {} as SupervisorOrders['command_queue_info'];
  const orders: SupervisorOrders = {
    endpoint_id: 'a', name: 'site', directory, command_queue_info: queues,
    heartbeat_queue_info: {} as SupervisorOrders['heartbeat_queue_info'], config, written: {}, owner_identities: [],
    files: { template: `${directory}/template`, schema, environment: `${directory}/environment`, map: null },
    debug: false, console: false, leashed: true,
  };
  try {
    await new Starter(orders, { log: silentLog, clock: new FakeClock() }, options).start(order);
  } catch (error) {
    assert.ok(error instanceof StartFailed, String(error));
    return error.failure;
  }
  return assert.fail('it was started');
}

test('a schema that is taken away lets nobody\'s values pass unseen', async () => {
  await using files = await scratch();
  await writeFile(files.at('template'), 'engine: {}\n');
  assert.deepEqual(await refusal(files.path, files.at('schema.json')), {
    step: 70, error: 'FileNotFoundError', message: `[Errno 2] No such file or directory: '${files.at('schema.json')}'`,
  });
});

test('a PATH on which others can put a program starts nobody', async () => {
  await using files = await scratch();
  await writeFile(files.at('template'), 'engine: {}\n');
  await mkdir(files.at('open'));
  await chmod(files.at('open'), 0o777);
  for (const path of ['/usr/bin:', ':/usr/bin', '.', 'bin:/usr/bin', `/usr/bin:${files.at('open')}`]) {
    await writeFile(files.at('environment'), `PATH: "${path}"\n`);
    const { step, error } = await refusal(files.path, null);
    assert.deepEqual([step, error], [76, 'PermissionError'], path);
  }
});
