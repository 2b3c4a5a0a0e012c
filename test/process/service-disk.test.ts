// A data directory without room.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { functionOf, testService, type TestService, type User } from '../service.ts';
import { StandInEndpoint } from '../stand-in-endpoint.ts';
import { until } from './harness.ts';

const MIB = 1024 ** 2;
/** A file system of its own for the database, with what is there copied into it; then the service in its place. */
const ON_SMALL_DISK = `
set -eu
directory=$1
shift
cp -r "$directory" "$directory.full"
mount -t tmpfs -o size=260m,mode=700 tmpfs "$directory"
cp -r "$directory.full/." "$directory"
exec "$@"
`;

test('a full disk: submissions are refused, what was accepted is kept, and there is room for results', async () => {
  await using service = await testService({
    keys: { storage_reserve_mib: 64 },
    wrap: (directory) => [
      'unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', ON_SMALL_DISK, 'sh', join(directory, 'database'),
    ],
  });
  const user = await service.user();
  await using endpoint = await StandInEndpoint.register(service, user);
  const fn = await functionOf(service, user);
  const ids: string[] = [];
  // Chance alone: a database compresses whatever else there is.
  const payload = randomBytes(3 * MIB).toString('base64');
  const submit = () => service.ask(
    'POST', `/v3/endpoints/${endpoint.id}/submit`, { as: user.token, body: { tasks: { [fn]: [payload] } } },
  );
  const refusal = await until('a refusal', async () => {
    const answer = await submit();
    if (answer.status !== 200) return answer;
    ids.push(answer.body.tasks[fn][0] as string);
    return false;
  }, 120_000);
  assert.ok(ids.length > 3, `${ids.length} tasks were taken before`);
  assert.deepEqual([refusal.status, refusal.body.code], [507, 'STORAGE_FULL']);
  assert.match(refusal.body.detail as string, /no room left.*nothing was accepted/);

  for (const id of ids) await endpoint.succeed(id, 'done');
  await allDone(service, user, ids);
});

async function allDone(service: TestService, user: User, ids: readonly string[]): Promise<void> {
  await until('every result', async () => {
    const { body } = await service.ask('POST', '/v2/batch_status', { as: user.token, body: { task_ids: ids } });
    const results: { result?: string }[] = Object.values(body.results as object);
    return results.length === ids.length && results.every(({ result }) => result === 'done');
  });
}
