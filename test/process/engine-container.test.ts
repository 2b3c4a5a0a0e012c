// Managers behind a container's command.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { command, type CommandResult } from '../../src/sdk/index.ts';
import { engineOf, failure, withSite } from './harness.ts';

test('tasks run where the container\'s command puts them', () => withSite(engineOf({
  container_type: 'custom',
  container_cmd_options: 'env "SWY_PLACE=in side" SWY_RUN={EXECUTOR_RUNDIR} {EXECUTOR_LAUNCH_CMD}',
}), async ({ executor }) => {
  const place: PromiseLike<unknown> = executor.submit(command('printf "%s|%s" "$SWY_PLACE" "$SWY_RUN"'));
  const { stdout } = await place as CommandResult;
  assert.match(stdout, /^in side\|\/.+$/);
}));

test('a provider that is not there yet is named when it is started', () => withSite(engineOf({}, {
  type: 'KubernetesProvider', image: 'python:3.12',
}), async ({ executor }) => {
  const { message } = await failure('CONFIG_INVALID', executor.submit(command('true')));
  assert.match(message, /KubernetesProvider is not there yet; there is LocalProvider, PBSProProvider/);
}));
