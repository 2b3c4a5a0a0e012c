// TorqueProvider: no server was there to record, so this is its documented format, which it shares with its sibling:
// the recorded long forms of PBS Professional are read with it, too.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusOf } from '../../../providers/pbs-job.ts';
import type { JobStatus } from '../../../providers/provider.ts';
import { endOf, parseLongJobs } from '../../../providers/torque-output.ts';
import { parseTorque, torque } from '../../../providers/torque.ts';
import { parseJobs } from '../../../providers/pbspro-output.ts';
import { RECORDINGS, recording } from '../../fakes/pbs/recordings.ts';

const scheduler = torque(parseTorque({}));

const listed = (id: string, lines: string): string =>
  `Job Id: ${id}\n    Job_Name = block-1.0a1b2c3\n    Job_Owner = alice@login1\n${lines}`
  + '    Variable_List = PBS_O_QUEUE=batch,PBS_O_HOME=/home/alice,\n'
  + '\tPBS_O_PATH=/usr/local/bin:/usr/bin:/bin,PBS_O_WORKDIR=/home/alice,\n\tPBS_O_HOST=login1\n\n';

const running = '    job_state = R\n    queue = batch\n    Resource_List.walltime = 01:00:00\n'
  + '    start_time = Sat Nov 21 01:53:46 2026\n    Walltime.Remaining = 3000\n';
const ended = (lines: string): string => `    job_state = C\n    resources_used.walltime = 00:00:10\n`
  + `    Resource_List.walltime = 00:01:00\n    start_time = Sat Nov 21 01:53:46 2026\n${lines}`;

const STATES: readonly (readonly [what: string, lines: string, JobStatus])[] = [
  ['running', running, { state: 'running', endsAtMs: Date.UTC(2026, 10, 21, 2, 53, 46) }],
  ['queued', '    job_state = Q\n', { state: 'pending', reason: 'not looked at by the scheduler yet' }],
  ['held', '    job_state = H\n    Hold_Types = u\n', { state: 'held', reason: 'held, Hold_Types = u' }],
  ['suspended', '    job_state = S\n', { state: 'held', reason: 'suspended' }],
  ['exiting', '    job_state = E\n    exit_status = 0\n', { state: 'running' }],
  ['completed', ended('    exit_status = 0\n'), { state: 'completed', exitCode: 0 }],
  ['failed', ended('    exit_status = 7\n'), { state: 'failed', exitCode: 7 }],
  ['deleted', ended('    exit_status = 271\n'), { state: 'cancelled', reason: 'deleted (SIGTERM)' }],
  ['over its walltime', ended('    exit_status = -11\n'), { state: 'timeout', reason: 'its walltime was over' }],
  ['over its walltime, as older versions tell it',
    ended('    exit_status = 271\n').replace('00:00:10', '00:01:02'),
    { state: 'timeout', reason: 'its walltime was over' }],
  ['killed', ended('    exit_status = 265\n'), { state: 'failed', reason: 'killed by SIGKILL' }],
  ['over its memory', ended('    exit_status = -10\n'),
    { state: 'failed', reason: 'it used more memory than it asked for (exit_status -10)' }],
  ['without an exit status', ended(''), { state: 'failed', reason: 'ended without an exit status' }],
  ['deleted while it waited', '    job_state = C\n', { state: 'cancelled', reason: 'ended before it ran' }],
];

for (const [what, lines, expected] of STATES) {
  test(`a job that is ${what} is ${expected.state}`, () => {
    const stdout = listed('12.server.site', lines);
    const answer = scheduler.list.read({ code: 0, signal: null, stdout, stderr: '' }, ['12.server.site']);
    assert.deepEqual(answer, {
      type: 'listed', jobs: [{ id: '12.server.site', name: 'block-1.0a1b2c3', status: expected }],
    });
  });
}

test('an unknown job is not listed, and a server that cannot be reached ends nothing', () => {
  const stdout = listed('1.a', running);
  const unknown = { code: 153, signal: null, stdout, stderr: 'qstat: Unknown Job Id Error 2.a\n' };
  const answer = scheduler.list.read(unknown, ['1.a', '2.a']);
  assert.deepEqual(answer.type === 'listed' && answer.jobs.map(({ id }) => id), ['1.a']);
  const stderr = 'qstat: cannot connect to server a (errno=111) Connection refused\n';
  assert.equal(scheduler.list.read({ code: 111, signal: null, stdout: '', stderr }, ['1.a']).type, 'failed');
  assert.equal(scheduler.list.read({ code: 0, signal: null, stdout: '', stderr: '' }, ['1.a']).type, 'failed');
  assert.equal(scheduler.list.read({ code: 0, signal: null, stdout: 'hello', stderr: '' }, ['1.a']).type, 'failed');
});

test('ended jobs are forgotten, and nothing keeps records of them', () => {
  const stderr = 'qstat: Unknown Job Id Error 2.a\n';
  assert.equal(scheduler.history.read({ code: 153, signal: null, stdout: '', stderr }, ['2.a']).type, 'none');
});

test('the directives', () => {
  const at = { name: 'b', folder: '/r', scriptPath: '/r/b.sh', stdoutPath: '/r/b.out', stderrPath: '/r/b.err' };
  const keys = { nodes_per_block: 2, cpus_per_node: 8, queue: 'batch', account: 'x' };
  const lines = torque(parseTorque(keys)).directives(at);
  assert.deepEqual(lines, [
    '#PBS -S /bin/bash', '#PBS -q batch', '#PBS -A x', '#PBS -m n', '#PBS -r n', '#PBS -l nodes=2:ppn=8',
    '#PBS -l walltime=00:20:00', '#PBS -N b', '#PBS -o /r/b.out', '#PBS -e /r/b.err',
  ]);
  const own = torque(parseTorque({ scheduler_options: '#PBS -l nodes=1:ppn=16:gpus=2' })).directives(at);
  assert.deepEqual(own.filter((line) => line.includes('nodes=')), ['#PBS -l nodes=1:ppn=16:gpus=2']);
});

for (const sample of RECORDINGS.filter(({ name, exitCode }) => exitCode === 0 && /^state-.*-qstat-xf$/.test(name))) {
  test(`folded lines are read as what they were: ${sample.name}`, () => {
    const [long] = parseLongJobs(sample.stdout) ?? [];
    const [document] = parseJobs(recording(`${sample.name}-json`).stdout) ?? [];
    assert.ok(long !== undefined && document !== undefined);
    // The times of a job and its end have other names there; the two were asked for one after the other.
    const same = { exitStatus: undefined, startedAtMs: undefined, usedWalltimeS: undefined, substate: undefined };
    assert.deepEqual({ ...long, ...same }, { ...document, ...same });
  });
}

test('a comment that was folded in the middle of a word is whole again', () => {
  const [job] = parseLongJobs(recording('state-queued-never-qstat-xf').stdout) ?? [];
  assert.ok(job !== undefined);
  assert.equal(statusOf(job, endOf).reason,
    'Can Never Run: Insufficient amount of resource: ncpus (R: 64 A: 4 T: 4)');
});
