// What every launcher promises, with its text run by a real bash.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { quoteAll } from '../../src/common/quote.ts';
import { buildLauncher, parseLauncher } from '../../launchers/index.ts';
import { until } from './provider.ts';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Running {
  readonly directory: string;
  readonly signal: (name: NodeJS.Signals) => void;
  readonly end: Promise<Ended>;
}

/** Runs what the launcher makes of a script, in a folder of its own. */
async function launch(
  config: object, script: string, managersPerNode: number, use: (running: Running) => Promise<void>, before = '',
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'launcher-'));
  const command = quoteAll(['bash', '-c', script]);
  const text = `${before}\n${buildLauncher(parseLauncher(config)).wrap(command, { nodes: 1, managersPerNode })}`;
  const child = spawn('bash', ['-c', text], { cwd: directory, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const out = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (part: string) => { out.stdout += part; });
  child.stderr.setEncoding('utf8').on('data', (part: string) => { out.stderr += part; });
  const end = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, ...out })));
  try {
    await use({ directory, signal: (name) => child.kill(name), end });
  } finally {
    const running = child.exitCode === null && child.signalCode === null;
    if (child.pid !== undefined && running) process.kill(-child.pid, 'SIGKILL');
    await end;
    await rm(directory, { recursive: true, force: true });
  }
}

const quiet = { type: 'SingleNodeLauncher', debug: false };

for (const config of [quiet, { type: 'SingleNodeLauncher' }, { type: 'SimpleLauncher' }]) {
  const name = JSON.stringify(config);
  test(`${name}: the exit status is the manager's`, async () => {
    for (const code of [0, 7, 127, 130]) {
      await launch(config, `exit ${code}`, 1, async ({ end }) => assert.equal((await end).code, code));
    }
  });

  test(`${name}: words reach the manager as they were written`, async () => {
    const hard = `it's "quoted" $HOME \`date\` \\ * ;`;
    await launch(config, `printf %s ${quoteAll([hard])} >&2`, 1, async ({ end }) => {
      assert.equal((await end).stderr, hard);
    });
  });

  test(`${name}: a manager that fails after worker_init said set -eu still has its status`, () =>
    launch(config, 'exit 3', 1, async ({ end }) => assert.equal((await end).code, 3), 'set -eu'));
}

/** Ends when so many copies are there at one time. */
const meet = (count: number): string =>
  `mkdir -p seen; : >seen/$$; until [ "$(ls seen | wc -l)" = ${count} ]; do sleep 0.02; done`;

test('SingleNodeLauncher runs as many copies as asked, side by side', () =>
  launch(quiet, meet(4), 4, async ({ end, directory }) => {
    assert.deepEqual(await end, { code: 0, stdout: '', stderr: '' });
    assert.equal((await readdir(join(directory, 'seen'))).length, 4);
  }));

/** The first copy to take a ticket exits with 2, the second with 9, the third with 0. */
const tickets = `n=1; until mkdir ticket$n 2>/dev/null; do n=$((n + 1)); done
  case $n in 1) exit 2;; 2) exit 9;; *) exit 0;; esac`;

test('SingleNodeLauncher with fail_on_any fails with the worst status, and waits for every copy', () =>
  launch({ ...quiet, fail_on_any: true }, tickets, 3, async ({ end }) => {
    const { code, stderr } = await end;
    assert.equal(code, 9);
    assert.match(stderr, /manager \d of 3 failed with status 2/);
    assert.match(stderr, /manager \d of 3 failed with status 9/);
  }));

test('SingleNodeLauncher without fail_on_any fails only when every copy failed', async () => {
  await launch(quiet, tickets, 3, async ({ end }) => assert.equal((await end).code, 0));
  await launch(quiet, tickets, 2, async ({ end }) => assert.equal((await end).code, 9));
});

test('SingleNodeLauncher passes a SIGTERM on to every manager and reports how they ended', () =>
  launch(
    { ...quiet, fail_on_any: true }, 'trap "sleep 0.1; exit 5" TERM; : >ready$$; while :; do sleep 0.02; done', 3,
    async ({ end, signal, directory }) => {
      await until('three managers', async () => ((await readdir(directory)).length === 3 ? true : undefined));
      signal('SIGTERM');
      assert.equal((await end).code, 5);
    },
  ));

test('SingleNodeLauncher with debug says when managers start and end, on stdout', () =>
  launch({ type: 'SingleNodeLauncher' }, 'exit 0', 2, async ({ end }) => {
    const { stdout, stderr } = await end;
    assert.match(stdout, /manager 1 of 2 started, pid \d+\n/);
    assert.match(stdout, /manager 2 of 2 ended with status 0\n/);
    assert.equal(stderr, '');
  }));

test('a launcher that is not there is told from one that is misspelt', () => {
  assert.throws(() => parseLauncher({ type: 'SrunLauncher' }), {
    message: 'engine.provider.launcher.type: SrunLauncher is not there yet; there is SingleNodeLauncher,'
      + ' SimpleLauncher',
  });
  assert.throws(() => parseLauncher({ type: 'SimpelLauncher' }), {
    message: 'engine.provider.launcher.type: "SimpelLauncher" is not one of SingleNodeLauncher, SimpleLauncher;'
      + ' did you mean SimpleLauncher?',
  });
  assert.throws(() => parseLauncher('simple'), {
    message: 'engine.provider.launcher: expected a mapping with a type, found "simple"',
  });
  assert.throws(() => parseLauncher({ debugs: true }), {
    message: 'engine.provider.launcher: unknown key debugs; did you mean debug?',
  });
});
