// mpiexec and mpirun of MPICH and of Open MPI, on this machine alone. Over several nodes: site/launchers.test.ts.

import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hereWith, launchHere } from './bash.ts';
import { arrived, launcherSuite, manager, NUMBERED } from './launcher.ts';
import { KINDS, mpiPath } from './mpi.ts';
import { isRunning, numbers, until } from './provider.ts';

const directory = await mkdtemp(join(tmpdir(), 'mpi-'));
await chmod(directory, 0o755);
after(() => rm(directory, { recursive: true }));
const PATHS = { mpich: await mpiPath(directory, 'mpich'), openmpi: await mpiPath(directory, 'openmpi') };

for (const kind of KINDS) {
  const place = { managersPerNode: 2, path: PATHS[kind] };
  launcherSuite(hereWith(`MpiExecLauncher, ${kind}`, { type: 'MpiExecLauncher' }, place));
  launcherSuite(hereWith(`MpiRunLauncher, ${kind}`, { type: 'MpiRunLauncher', debug: false }, place));

  test(`${kind}: with debug, starts and ends are on stdout; without, only what managers print; failures on stderr`,
    async () => {
      const script = `${NUMBERED}printf 'no newline'; exit $((me - 1))`;
      for (const debug of [true, false]) {
        await launchHere({ type: 'MpiExecLauncher', debug }, manager(script), async ({ end }) => {
          const { code, stdout, stderr } = await end;
          assert.equal(code, 1);
          assert.match(stderr, /manager on \S+ ended with status 1\n/);
          assert.equal(/manager on \S+ ended with status 0/.test(stdout), debug);
          assert.equal(stdout.replaceAll(/manager on .*|mpiexec ended .*|starting .*/g, '').trim().replace('\n', ''),
            'no newline'.repeat(2));
        }, '', place);
      }
    });

  test(`${kind}: a SIGTERM to the whole process group, mpiexec included, lets managers end by their own means`, () =>
    launchHere({ type: 'MpiExecLauncher' }, manager('trap "sleep 1; : >bye-$$; exit 0" TERM; : >up-$$; '
      + 'while :; do sleep 0.05; done'), async ({ end, terminateAll, directory: folder }) => {
      await arrived(folder, /^up-/, 2);
      terminateAll();
      await end;
      assert.equal((await readdir(folder)).filter((name) => name.startsWith('bye-')).length, 2);
    }, '', place));

  test(`${kind}: the nodes of a PBS job are those of its node file, each once`, () =>
    launchHere({ type: 'MpiExecLauncher', overrides: kind === 'mpich' ? '-launcher fork' : '' }, manager(': >up-$$'),
      async ({ end, directory: folder }) => {
        assert.equal((await end).code, 0);
        assert.equal((await arrived(folder, /^up-/, 1)).length, 1);
      }, 'for n in 1 2 3; do echo localhost; done >nodes; export PBS_NODEFILE=$PWD/nodes TMPDIR=$PWD', {
        path: PATHS[kind],
      }));
}

// Open MPI's leaves those on its own node to the scheduler, which ends all that is the job's.
test('mpich: no manager outlives an mpiexec that was killed', () =>
  launchHere({ type: 'MpiExecLauncher' }, manager('echo $$ >>pids; while :; do sleep 0.05; done'),
    async ({ end, directory: folder }) => {
      const pids = await until('managers', () => numbers(join(folder, 'pids'), 2));
      process.kill(await mpiexecAbove(pids[0] ?? 0), 'SIGKILL');
      assert.notEqual((await end).code, 0);
      for (const pid of pids) await until(`the end of ${pid}`, async () => ((await isRunning(pid)) ? undefined : true));
    }, '', { managersPerNode: 2, path: PATHS.mpich }));

async function mpiexecAbove(pid: number): Promise<number> {
  for (let at = pid; at > 1;) {
    const text = await readFile(`/proc/${at}/stat`, 'utf8');
    if (text.includes('(mpiexec')) return at;
    at = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
  }
  throw new Error(`no mpiexec above ${pid}`);
}
