// The stand-in's commands against the recordings: the same words in the same situation get the same answer, byte for
// byte. Times differ, and the user's home: where a recording has them, the same stands for both.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../fakes/scratch.ts';
import { PbsCluster } from '../fakes/pbs/cluster.ts';
import { fixture, RECORDINGS, recording, type Recording } from '../fakes/pbs/recordings.ts';
import type { Job, Settings } from '../fakes/pbs/records.ts';
import { until } from './harness.ts';

type Arrange = (cluster: PbsCluster) => void;

const PATH = '/opt/pbs/bin:/opt/pbs/sbin:/usr/sbin:/usr/bin:/sbin:/bin';
const demo = (lines: string): string => `#!/bin/sh\n#PBS -N demo\n#PBS -l select=1:ncpus=1\n${lines}`;
const SCRIPTS = {
  'pjob.sh': demo('#PBS -l walltime=00:02:00\nsleep "${S:-60}"\n'),
  'pfail.sh': '#!/bin/sh\n#PBS -l walltime=8\nexit 7\n',
  'ptwo.sh': '#!/bin/sh\n#PBS -l select=2:ncpus=1 -l place=scatter\n#PBS -l walltime=00:01:00\n'
    + 'cat "$PBS_NODEFILE" "$PBS_NODEFILE"\nenv | grep ^PBS_ | sort\n',
};

function put(state: string, number: number, more: Partial<Job> = {}): Arrange {
  const job: Job = {
    number, id: `${number}.pbshead`, name: 'demo', owner: 'alice', state, substate: 10, queue: 'workq',
    ctime: 1_795_000_000, mtime: 1_795_000_000, errorPath: 'pbshead:/e', outputPath: 'pbshead:/o', joinPath: 'n',
    holdTypes: 'n', rerunable: true, resources: { ncpus: '1' }, variables: {}, runCount: 0, submitArguments: 'pjob.sh',
    ...more,
  };
  return (cluster) => cluster.change((all) => { all.jobs[job.id] = job; });
}

const set = (settings: Partial<Settings>): Arrange => (cluster) => cluster.set(settings);
const also = (...steps: Arrange[]): Arrange => (cluster) => steps.forEach((step) => step(cluster));
const nothing: Arrange = () => { /* an empty server */ };

/** What has to be so before the recorded command. */
const CLAIMED: Readonly<Record<string, Arrange>> = {
  'history-expired-qstat-x': nothing,
  'nohistory-qstat-x': set({ history: false }),
  'nohistory-qstat-xf-json': set({ history: false }),
  'nohistory-qstat': set({ history: false }),
  'qdel-already-finished': put('F', 1),
  'qdel-bad-id': nothing,
  'qdel-exiting': put('E', 0),
  'qdel-held': put('H', 5),
  'qdel-known-and-malformed': put('H', 2002),
  'qdel-many-one-unknown': put('H', 2007),
  'qdel-many': also(put('R', 7), put('Q', 9)),
  'qdel-not-owner': also(put('R', 1), set({ user: 'bob' })),
  'qdel-ok': put('R', 1),
  'qdel-running-and-unknown': put('R', 2005),
  'qdel-two-known': also(put('H', 2003), put('H', 2004)),
  'qdel-two-unknown': nothing,
  'qdel-unknown-first': put('R', 2006),
  'qdel-unknown': nothing,
  'qdel-x-history': put('F', 1),
  qselect: also(put('R', 1009), put('F', 1010), put('R', 1011, { owner: 'bob' })),
  'qstat-bad-id': nothing,
  'qstat-bad-server': put('R', 1),
  'qstat-empty-json': nothing,
  'qstat-empty': put('F', 1),
  'qstat-finished-no-x-json': put('F', 1),
  'qstat-finished-no-x': put('F', 1),
  'qstat-many-one-unknown': put('R', 1, { name: 'STDIN', used: { cput: '00:00:00' } }),
  'qstat-unknown-f-json': nothing,
  'qstat-unknown-xf-json': nothing,
  'qstat-unknown': nothing,
  'qstat-x-after-qdel-x': nothing,
  'comm-down-qstat': also(put('R', 1019), put('Q', 1020)),
  'qsub-bad-account': nothing,
  'qsub-bad-flag': nothing,
  'qsub-bad-name-digit': set({ scheduling: false }),
  'qsub-bad-name': nothing,
  'qsub-bad-option': nothing,
  'qsub-bad-queue': nothing,
  'qsub-bad-resource-job': nothing,
  'qsub-bad-resource': nothing,
  'qsub-bad-select': nothing,
  'qsub-bad-walltime-neg': nothing,
  'qsub-bad-walltime': nothing,
  'qsub-conflict-select-nodes': nothing,
  'qsub-disabled-queue': nothing,
  'qsub-missing-script': nothing,
  'qsub-name-too-long': nothing,
  'qsub-no-args-empty-stdin': nothing,
  'qsub-ok': nothing,
  'qsub-old-nodes-syntax': nothing,
  'qsub-over-limit-ncpus': nothing,
  'qsub-over-limit-queued': also(...[1, 2, 3].map((number) => put('Q', number, { queue: 'small' }))),
  'qsub-over-limit-walltime': nothing,
  'qsub-restricted-queue': nothing,
  'qsub-root': set({ user: 'root' }),
  'qsub-sandbox-outputs': nothing,
  'qsub-select-shm-output': nothing,
  'qsub-stdin': set({ scheduling: false }),
  'qsub-stopped-queue': nothing,
  'server-down-qdel': also(put('R', 1021), set({ health: 'down' })),
  'server-down-qstat-json': also(put('R', 1021), set({ health: 'down' })),
  'server-down-qstat': also(put('R', 1021), set({ health: 'down' })),
  'server-down-qsub': set({ health: 'down' }),
  version: nothing,
};

/** What is recorded and not stood in for: other commands and layouts, dependencies, `-W block`, waiting by a shell. */
const NOT_CLAIMED = new RegExp('^(state-|qhold|qrls|comm-down-qsub|qsub-(W-block|bad-dep)|server-hung|'
  + 'qdel-(force|history)|qstat-(other-user|many-one-unknown-json))');

async function withCluster(use: (cluster: PbsCluster, home: string) => Promise<void>): Promise<void> {
  await using folder = await scratch();
  const home = folder.at('home');
  mkdirSync(home);
  for (const [name, text] of Object.entries(SCRIPTS)) writeFileSync(join(home, name), text);
  await using cluster = new PbsCluster(folder.path, { home });
  await use(cluster, home);
}

const words = ({ argv }: Recording): readonly string[] => (argv[0] === 'timeout' ? argv.slice(2) : argv);
const timeless = (text: string): string => text.replace(/("timestamp":\t)\d+/g, '$10');

async function answer(cluster: PbsCluster, home: string, sample: Recording): Promise<unknown> {
  let [command = '', ...argv] = words(sample);
  let stdin = '';
  if (command === 'bash') {
    [command = '', ...argv] = sample.name === 'qsub-stdin' ? ['qsub', '-N', 'fromstdin'] : ['qsub'];
    stdin = sample.name === 'qsub-stdin' ? 'sleep 1\n' : '';
  }
  const next = /^(\d+)\.pbshead\n$/.exec(sample.stdout)?.[1];
  cluster.change((state) => { state.nextNumber = Number(next ?? state.nextNumber); });
  const { exitCode, stdout, stderr } = await cluster.run(command, argv, { cwd: home, stdin, environment: { PATH } });
  return { exitCode, stdout: timeless(stdout), stderr };
}

for (const [name, arrange] of Object.entries(CLAIMED)) {
  test(`answered as recorded: ${name}`, () => withCluster(async (cluster, home) => {
    const sample = recording(name);
    arrange(cluster);
    const { exitCode, stdout, stderr } = sample;
    assert.deepEqual(await answer(cluster, home, sample), { exitCode, stdout: timeless(stdout), stderr });
  }));
}

test('every recording is claimed, or it is said that it is not', () => {
  const rest = RECORDINGS.filter(({ name }) => !(name in CLAIMED) && !NOT_CLAIMED.test(name)).map(({ name }) => name);
  assert.deepEqual(rest, []);
});

test('an order about a held and an unknown job takes the server down, as it does with the real one', () =>
  withCluster(async (cluster) => {
    put('H', 5)(cluster);
    assert.deepEqual(await cluster.run('qdel', ['5.pbshead', '999999']), { exitCode: 0, stdout: '', stderr: '' });
    assert.equal((await cluster.run('qstat', ['5.pbshead'])).exitCode, 255);
  }));

test('a hung server answers nothing until it is well again', () => withCluster(async (cluster) => {
  cluster.set({ health: 'hung' });
  assert.equal((await cluster.run('qstat', [], { timeoutMs: 300 })).exitCode, -1);
  const waiting = cluster.run('qstat', []);
  cluster.set({ health: 'up' });
  assert.equal((await waiting).exitCode, 0);
}));

const CLOCK = /[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d (\d\d:\d\d:\d\d \d{4}|at \d\d:\d\d)/g;
const USED = /"(cpupercent|cput|mem|vmem|walltime|history_timestamp|timestamp)":\t("[^"]*"|\d+)/g;

/**
 * Without what no two runs have in common. Of `used` resources only that they are there; a session's number is not
 * there where a job was too short for its node to report it.
 */
function comparable(document: string, home: string): string {
  const [before = '', limits = '', after = ''] = document.split(/("Resource_List":\t\{[^}]*\})/);
  return (before.replace(USED, '"$1": ?') + limits + after.replace(USED, '"$1": ?'))
    .replace(CLOCK, '?').replaceAll(home, '/home/alice').replace(/\n.*"session_id".*/, '');
}

interface Life {
  /** The recording of the job's end, or of where it stays. */
  readonly name: string;
  readonly number: number;
  readonly argv: readonly string[];
  readonly arrange?: Arrange;
  readonly act?: (cluster: PbsCluster, id: string) => Promise<void> | void;
  readonly state: string;
}

const quick = set({ walltimeLookMs: 100, killDelayMs: 500 });
const running = async (cluster: PbsCluster, id: string): Promise<void> => {
  await until('its start', () => cluster.state.jobs[id]?.substate === 42);
};
const sleep = (seconds: string): string[] => ['--', '/bin/sleep', seconds];

const LIVES: readonly Life[] = [
  { name: 'finished-ok', number: 2, argv: ['-v', 'S=2', 'pjob.sh'], state: 'F' },
  { name: 'finished-exit7', number: 3, argv: ['pfail.sh'], state: 'F' },
  { name: 'finished-two-nodes', number: 4, argv: ['ptwo.sh'], state: 'F' },
  { name: 'held-user', number: 5, argv: ['-h', 'pjob.sh'], state: 'H' },
  { name: 'waiting-W', number: 6, argv: ['-a', '0156', 'pjob.sh'], state: 'W' },
  {
    name: 'queued', number: 8, argv: ['-v', 'S=1', 'pjob.sh'], state: 'Q',
    arrange: also(...[1, 2, 3, 4].map((number) => put('R', number, {
      execHost: number < 3 ? 'p1/0' : 'p2/0', resources: { select: '1:ncpus=1' },
    }))),
  },
  { name: 'queued-never', number: 9, argv: ['-l', 'select=1:ncpus=64', 'pjob.sh'], state: 'Q' },
  { name: 'queued-scheduling-off', number: 1019, argv: ['pjob.sh'], state: 'Q', arrange: set({ scheduling: false }) },
  { name: 'queued-stopped-queue', number: 30, argv: ['-q', 'stopped', 'pjob.sh'], state: 'Q' },
  {
    name: 'queued-user-run-limit', number: 27, state: 'Q',
    argv: ['-q', 'small', '-l', 'select=1:ncpus=1', '-l', 'walltime=00:05:00', ...sleep('60')],
    arrange: also(put('R', 1, { queue: 'small' }), put('R', 2, { queue: 'small' })),
  },
  {
    name: 'deleted-running', number: 1, state: 'F', act: async (cluster, id) => {
      await running(cluster, id);
      await cluster.run('qdel', [id]);
    },
    argv: ['-l', 'select=1:ncpus=1', '-l', 'walltime=00:05:00', '-q', 'workq', ...sleep('30')],
  },
  {
    name: 'walltime-exceeded', number: 1007, state: 'F', arrange: quick,
    argv: ['-l', 'walltime=00:00:05', '-l', 'select=1:ncpus=1', ...sleep('100')],
  },
  {
    name: 'node-fail-norerun', number: 1017, state: 'F', act: async (cluster, id) => {
      await running(cluster, id);
      cluster.powerOff('p2');
    },
    argv: ['-l', 'select=1:ncpus=1:host=p2', '-l', 'walltime=00:05:00', '-r', 'n', ...sleep('100')],
  },
  {
    name: 'node-fail-rerun', number: 1018, state: 'Q', act: async (cluster, id) => {
      await running(cluster, id);
      cluster.powerOff('p2');
      await cluster.schedule();
    },
    argv: ['-l', 'select=1:ncpus=1:host=p2', '-l', 'walltime=00:05:00', '-r', 'y', ...sleep('100')],
  },
];

for (const { name, number, argv, arrange = nothing, act, state } of LIVES) {
  test(`a job really comes to be as recorded: ${name}`, () => withCluster(async (cluster, home) => {
    arrange(cluster);
    cluster.change((all) => { all.nextNumber = number; });
    const id = `${number}.pbshead`;
    const submitted = await cluster.run('qsub', argv, { cwd: home, environment: { PATH } });
    assert.deepEqual(submitted, { exitCode: 0, stdout: `${id}\n`, stderr: '' });
    await act?.(cluster, id);
    await until(`${id} in ${state}`, () => cluster.state.jobs[id]?.state === state);
    const { stdout } = await cluster.run('qstat', ['-x', '-f', '-F', 'json', id]);
    assert.equal(comparable(stdout, home), comparable(recording(`state-${name}-qstat-xf-json`).stdout, '/home/alice'));
  }));
}

test('a job sees the environment of the recorded one, and its output comes home', () =>
  withCluster(async (cluster, home) => {
    cluster.change((all) => { all.nextNumber = 4; });
    await cluster.run('qsub', ['ptwo.sh'], { cwd: home, environment: { PATH } });
    await until('its end', () => cluster.state.jobs['4.pbshead']?.state === 'F');
    const output = readFileSync(join(home, 'ptwo.sh.o4'), 'utf8');
    const nodeFile = /PBS_NODEFILE=(.*)/.exec(output)?.[1] ?? '';
    assert.equal(output.replace(nodeFile, '/var/spool/pbs/aux/4.pbshead').replaceAll(home, '/home/alice'),
      fixture('openpbs-23.06.06-two-node-stdout.txt'));
  }));
