// srun and mpiexec over the nodes of a real Slurm job keep what every launcher promises; and what only several nodes
// show.

import assert from 'node:assert/strict';
import { chmod, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { managerScript } from '../../engine/blocks/manager-script.ts';
import { buildLauncher, parseLauncher } from '../../launchers/index.ts';
import {
  arrived, launcherSuite, manager, type Ended, type LauncherSubject, type Running,
} from '../contract/launcher.ts';
import { KINDS, mpiPath } from '../contract/mpi.ts';
import { until } from '../contract/provider.ts';
import { Cluster, folderOf } from './cluster.ts';

const cluster = await Cluster.start({ nodes: 2 });
after(() => cluster[Symbol.asyncDispose]());
const NODES = 2;
/** Slurm takes its time to see that a node is gone. */
const END_MS = 120_000;
const mpiFolder = await folderOf(cluster, 'swy-alice', 'mpi');
await chmod(mpiFolder, 0o777);
const PATHS = { mpich: await mpiPath(mpiFolder, 'mpich'), openmpi: await mpiPath(mpiFolder, 'openmpi') };

interface JobRunning extends Running {
  readonly job: string;
}

let jobs = 0;

/** Submits what the launcher makes of the command as a job of two whole nodes. */
async function launchJob(
  config: object, command: string, use: (running: JobRunning) => Promise<void>, before = '',
): Promise<void> {
  jobs += 1;
  const directory = await folderOf(cluster, 'swy-alice', `job-${jobs}`);
  await chmod(directory, 0o777);
  const text = buildLauncher(parseLauncher(config)).wrap(command, { nodes: NODES, managersPerNode: 1 });
  const script = join(directory, 'job.sh');
  await writeFile(script, `#!/bin/bash
#SBATCH --nodes=${NODES} --ntasks-per-node=1 --exclusive --no-kill
#SBATCH --output=out --error=err
trap : TERM
${before}
${text}
echo $? >exit.new; mv exit.new exit
`);
  const job = await cluster.print(['sbatch', '--parsable', script], { cwd: directory });
  const end = ended(directory);
  end.catch(() => { /* whoever awaits it hears of it */ });
  const terminate = async (): Promise<void> => {
    await cluster.print(['scancel', '--signal=TERM', '--batch', job]);
  };
  try {
    await use({ directory, terminate, end, job });
  } finally {
    await cluster.run(['scancel', job]);
    await until(`the end of job ${job}`, async () =>
      ((await cluster.print(['squeue', '--noheader', '--format=%i'])) === '' ? true : undefined));
  }
}

async function ended(directory: string): Promise<Ended> {
  const read = (name: string): Promise<string> => readFile(join(directory, name), 'utf8').catch(() => '');
  const code = await until(`the exit status in ${directory}`, async () => {
    const text = await read('exit');
    return text.endsWith('\n') ? Number(text) : undefined;
  }, END_MS);
  return { code, stdout: await read('out'), stderr: await read('err') };
}

function subject(name: string, config: object, init = ''): LauncherSubject {
  return {
    name, managers: NODES, nodes: NODES,
    launch: (command, use, before = '') => launchJob(config, command, use, `${init}\n${before}`),
  };
}

launcherSuite(subject('SrunLauncher on Slurm', { type: 'SrunLauncher' }));
for (const kind of KINDS) {
  const init = `export PATH=${PATHS[kind]}:$PATH`;
  launcherSuite(subject(`MpiExecLauncher on Slurm, ${kind}`, { type: 'MpiExecLauncher' }, init));
}

test('SrunLauncher: a scancel is a SIGTERM to every manager', () =>
  launchJob({ type: 'SrunLauncher' }, manager(`trap ': >bye-$(uname -n); exit 0' TERM
    : >"up-$(uname -n)"; while :; do sleep 0.05; done`), async ({ directory, job }) => {
    await arrived(directory, /^up-/, NODES);
    await cluster.print(['scancel', job]);
    await arrived(directory, /^bye-/, NODES);
  }));

test('SrunLauncher: a task may start steps of its own while the managers\' step runs', () =>
  launchJob({ type: 'SrunLauncher' }, manager(`[ "$(uname -n)" = n1 ] || exit 0
    srun --nodes=2 --ntasks=2 --ntasks-per-node=1 uname -n >inner; exit $?`), async ({ directory, end }) => {
    assert.equal((await end).code, 0);
    assert.deepEqual((await readFile(join(directory, 'inner'), 'utf8')).trim().split('\n').toSorted(), ['n1', 'n2']);
  }));

test('SrunLauncher: commands in sessions of their own end on every node, when the job is cancelled', async () => {
  // The managers end at once and the commands do not listen, so that Slurm finds them without a parent.
  const script = join(await folderOf(cluster, 'swy-alice', 'block'), 'manager.sh');
  const folder = join(script, '..');
  await chmod(folder, 0o777);
  await cluster.print(['mkdir', '--mode=777', join(folder, 'groups')]);
  const negligent = `(trap '' TERM; exec setsid sleep 4711 9>&-) &
    echo "$! $(uname -n)" >"groups/$(uname -n)-$$-0"; : >"up-$(uname -n)"; while :; do sleep 0.05 9>&-; done`;
  await writeFile(script, managerScript(folder, ['bash', '-c', `cd ${folder}; ${negligent}`]));
  await launchJob({ type: 'SrunLauncher' }, `bash ${script}`, async ({ job }) => {
    await arrived(folder, /^up-/, NODES);
    await cluster.print(['scancel', job]);
    for (const node of ['n1', 'n2']) {
      await until(`the end of the command on ${node}`, async () => {
        const processes = await cluster.onNode(node, ['ps', '-eo', 'args']);
        return processes.split('\n').some((line) => /^sleep 4711|manager\.sh/.test(line)) ? undefined : true;
      });
    }
  });
});

test('SrunLauncher: the managers of the nodes that live go on when one loses power, and are told to end', () =>
  launchJob({ type: 'SrunLauncher' }, manager(`trap ': >bye-$(uname -n); exit 0' TERM
    while :; do : >"alive-$(uname -n)"; sleep 0.05; done`), async ({ directory, terminate, end, job }) => {
    await arrived(directory, /^alive-/, NODES);
    const lost = 'n2';
    await cluster.powerOff(lost);
    await until('Slurm to see it', async () => {
      const nodes = await cluster.print(['squeue', '--noheader', '--format=%D', `--jobs=${job}`]);
      return nodes === '1' ? true : undefined;
    }, END_MS);
    await cluster.run(['rm', join(directory, 'alive-n1')]);
    await arrived(directory, /^alive-n1/, 1);
    await terminate();
    await end;
    assert.deepEqual((await readdir(directory)).filter((name) => name.startsWith('bye-')), ['bye-n1']);
  }));
