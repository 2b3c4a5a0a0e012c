// The launchers that need nothing but bash, and the registry of all.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLauncher } from '../../launchers/index.ts';
import { hereWith, launchHere, type RunningHere } from './bash.ts';
import { arrived, launcherSuite, manager, NUMBERED } from './launcher.ts';

const quiet = { type: 'SingleNodeLauncher', debug: false };

launcherSuite(hereWith('SimpleLauncher', { type: 'SimpleLauncher' }));
launcherSuite(hereWith('WrappedLauncher', { type: 'WrappedLauncher', prepend: 'env PREPENDED=yes' }));
launcherSuite(hereWith('SingleNodeLauncher', { type: 'SingleNodeLauncher' }));
launcherSuite(hereWith('SingleNodeLauncher, quiet', quiet));
launcherSuite(hereWith('SingleNodeLauncher with fail_on_any', { ...quiet, fail_on_any: true }, { managersPerNode: 3 }));

const single = (
  config: object, script: string, managersPerNode: number, use: (running: RunningHere) => Promise<void>,
): Promise<void> => launchHere(config, manager(script), use, '', { managersPerNode });

test('WrappedLauncher: what is prepended runs first', () =>
  launchHere({ type: 'WrappedLauncher', prepend: 'env GREETING="good morning"' }, manager('echo "$GREETING"'),
    async ({ end }) => assert.equal((await end).stdout, 'good morning\n')));

/** The first exits with 2, the second with 9, the others with 0. */
const statuses = `${NUMBERED}case $me in 1) exit 2;; 2) exit 9;; *) exit 0;; esac`;

test('SingleNodeLauncher with fail_on_any says which managers failed', () =>
  single({ ...quiet, fail_on_any: true }, statuses, 3, async ({ end }) => {
    const { code, stdout, stderr } = await end;
    assert.equal(code, 9);
    assert.equal(stdout, '');
    assert.match(stderr, /manager \d of 3 failed with status 2/);
    assert.match(stderr, /manager \d of 3 failed with status 9/);
  }));

test('SingleNodeLauncher without fail_on_any fails only when every copy failed', async () => {
  await single(quiet, statuses, 3, async ({ end }) => assert.equal((await end).code, 0));
  await single(quiet, statuses, 2, async ({ end }) => assert.equal((await end).code, 9));
});

test('SingleNodeLauncher: a SIGTERM to the whole process group, too, lets managers end by their own means', () =>
  single({ ...quiet, fail_on_any: true }, 'trap "sleep 0.1; exit 5" TERM; : >up$$; while :; do sleep 0.02; done', 3,
    async ({ end, terminateAll, directory }) => {
      await arrived(directory, /^up/, 3);
      terminateAll();
      assert.equal((await end).code, 5);
    }));

test('SingleNodeLauncher with debug says when managers start and end, on stdout', () =>
  single({ type: 'SingleNodeLauncher' }, 'exit 0', 2, async ({ end }) => {
    const { stdout, stderr } = await end;
    assert.match(stdout, /manager 1 of 2 started, pid \d+\n/);
    assert.match(stdout, /manager 2 of 2 ended with status 0\n/);
    assert.equal(stderr, '');
  }));

test('a launcher that is not there is told from one that is misspelt', () => {
  const known = 'SingleNodeLauncher, SimpleLauncher, WrappedLauncher, SrunLauncher, MpiExecLauncher, MpiRunLauncher';
  assert.throws(() => parseLauncher({ type: 'AprunLauncher' }), {
    message: `engine.provider.launcher.type: AprunLauncher is not there yet; there is ${known}`,
  });
  assert.throws(() => parseLauncher({ type: 'SimpelLauncher' }), {
    message: `engine.provider.launcher.type: "SimpelLauncher" is not one of ${known}; did you mean SimpleLauncher?`,
  });
  assert.throws(() => parseLauncher('simple'), {
    message: 'engine.provider.launcher: expected a mapping with a type, found "simple"',
  });
  assert.throws(() => parseLauncher({ debugs: true }), {
    message: 'engine.provider.launcher: unknown key debugs; did you mean debug?',
  });
});
