// The parsers over every recorded answer of Slurm 22.05.8: none is passed over.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Output } from '../../../src/common/exec.ts';
import { readSacct, readSbatch, readScancel, readSqueue, statusOf } from '../../../providers/slurm-output.ts';
import { recordingsOf } from './recordings.ts';

const recordings = recordingsOf('slurm/slurm-22.05.8.jsonl');
const DEFAULT_ID = /Submitted batch job (?<id>\S*)/m;

function named(pattern: RegExp): readonly (readonly [string, Output])[] {
  const found = recordings.filter(({ name }) => pattern.test(name));
  assert.ok(found.length > 0, `no recording is named ${String(pattern)}`);
  return found.map(({ name, output }) => [name, output]);
}

test('every recorded submission is accepted, refused, doubtful, or did not come to the controller', () => {
  const answers = named(/sbatch/).map(([name, output]) => ({ name, ...readSbatch(output, false, DEFAULT_ID) }));
  const of = (type: string): string[] => answers.filter((answer) => answer.type === type).map(({ name }) => name);
  assert.deepEqual(of('accepted'), [
    'dbd-down-sbatch', 'noacct-sbatch-any-account', 'noacct-sbatch-qos', 'sbatch-bad-chdir', 'sbatch-bad-dependency',
    'sbatch-ok', 'sbatch-parsable', 'sbatch-qos-wall', 'sbatch-wrap',
  ]);
  assert.deepEqual(of('doubtful'), ['ctld-hung-sbatch']);
  assert.deepEqual(of('unreachable'), ['ctld-down-sbatch', 'munge-down-sbatch']);
  assert.equal(of('refused').length, answers.length - 12);
});

test('an id is what sbatch printed, and nothing else that a site prints beside it', () => {
  const said = (stdout: string): Output => ({ code: 0, signal: null, stdout, stderr: '' });
  assert.deepEqual(readSbatch(said('4711\n'), false, DEFAULT_ID), { type: 'accepted', id: '4711' });
  assert.deepEqual(readSbatch(said('Welcome to 2 clusters!\n4711;east\n'), false, DEFAULT_ID), {
    type: 'accepted', id: '4711',
  });
  assert.deepEqual(readSbatch(said('4711;east\n'), true, DEFAULT_ID), { type: 'accepted', id: '4711;east' });
  assert.deepEqual(readSbatch(said('job no. 99'), false, /job no\. (?<id>\d+)/), { type: 'accepted', id: '99' });
  assert.equal(readSbatch(said('done\n'), false, DEFAULT_ID).type, 'doubtful');
  assert.equal(readSbatch({ ...said(''), code: null, signal: 'SIGKILL' }, false, DEFAULT_ID).type, 'doubtful');
});

test('a refusal is told in Slurm\'s words, without who says them', () => {
  const words = new Map(named(/^sbatch-/).map(([name, output]) => {
    const answer = readSbatch(output, false, DEFAULT_ID);
    return [name, answer.type === 'accepted' ? '' : answer.words];
  }));
  assert.equal(words.get('sbatch-bad-partition'),
    'invalid partition specified: nosuch; Batch job submission failed: Invalid partition name specified (exit 1)');
  assert.equal(words.get('sbatch-bad-option'),
    "unrecognized option '--nosuchoption'; Try \"sbatch --help\" for more information (exit 255)");
  for (const [name, text] of words) assert.ok(!/error:|[\r\n]/.test(text), `${name}: ${text}`);
});

/** What squeue and sacct said of a job in a state that a person had put it in. */
const STATES: Readonly<Record<string, readonly [state: string, reason?: string]>> = {
  'after-ctld-restart': ['completed'],
  'cancelled-pending': ['cancelled', 'BeginTime'],
  'cancelled-running': ['cancelled'],
  'cancelling-0': ['cancelled'],
  completing: ['running', 'COMPLETING'],
  failed: ['failed'],
  'node-fail-requeue-3s': ['pending', 'BeginTime'],
  'node-fail-requeue': ['pending', 'BeginTime'],
  'node-fail': ['failed', 'NODE_FAIL, NodeDown'],
  'node-reboot': ['failed', 'NODE_FAIL'],
  oom: ['failed', 'JobLaunchFailure'],
  'pending-begintime': ['pending', 'BeginTime'],
  'pending-dependency': ['pending', 'Dependency'],
  'pending-depnever': ['pending', 'DependencyNeverSatisfied'],
  'pending-held-admin': ['held', 'JobHeldAdmin'],
  'pending-held-user': ['held', 'JobHeldUser'],
  'pending-partition-down': ['pending', 'PartitionDown'],
  'pending-priority': ['pending', 'Priority'],
  'pending-qoslimit': ['pending', 'QOSMaxJobsPerUserLimit'],
  'pending-qoswall': ['pending', 'QOSMaxWallDurationPerJobLimit'],
  'pending-resources': ['pending', 'Resources'],
  'preempted-cancel': ['timeout', 'PREEMPTED'],
  'preempted-requeue-later': ['pending', 'BeginTime'],
  'preempted-requeue': ['pending', 'BeginTime'],
  running: ['running'],
  signalled: ['running'],
  'slurmd-hung': ['failed', 'NODE_FAIL, NodeDown'],
  'slurmd-killed': ['failed', 'NODE_FAIL, NodeDown'],
  suspended: ['held', 'SUSPENDED'],
  'timeout-endtime': ['timeout'],
  timeout: ['timeout'],
};

test('every state that squeue showed is the one it was', () => {
  const seen = named(/^state-.*-squeue$/).map(([name, { stdout }]) => {
    const [, , state = '', reason = ''] = stdout.trim().split('|');
    const end = stdout.trim().split('|').at(-1) ?? '';
    const status = statusOf({ state, reason, exit: '', end: String(Date.parse(end) / 1000) });
    assert.equal(status.endsAtMs !== undefined, status.state === 'running', name);
    return [name.slice('state-'.length, -'-squeue'.length),
      status.reason === undefined ? [status.state] : [status.state, status.reason]];
  });
  assert.deepEqual(Object.fromEntries(seen), STATES);
});

/** sacct was recorded with more columns than ours, one row per step of a job among them. */
function asked({ stdout, ...output }: Output): Output {
  const lines = stdout.split('\n').filter((line) => line !== '').map((line) => {
    const [id, name, , , , state, exit, , , end, , reason] = line.split('|');
    return [id, 'hpc', name, state, exit, end, reason].join('|');
  });
  return { ...output, stdout: lines.join('\n') };
}

test('the records never end a job that had not ended, however far behind they were', () => {
  const rows = named(/^state-.*-sacct$/).map(([name, output]) => {
    const history = readSacct(asked(output), false);
    assert.equal(history.type, 'listed', name);
    const jobs = history.type === 'listed' ? history.jobs : [];
    assert.ok(jobs.length <= 1, 'steps are no jobs');
    return [name.slice('state-'.length, -'-sacct'.length), jobs[0]?.status] as const;
  });
  const ends = new Map(rows.flatMap(([name, status]) =>
    (status === undefined || ['pending', 'running', 'held'].includes(status.state) ? [] : [[name, status]])));
  assert.deepEqual(Object.fromEntries(ends), {
    'after-ctld-restart': { state: 'completed', exitCode: 0 },
    'cancelled-pending': { state: 'cancelled', reason: 'CANCELLED by 1001, BeginTime' },
    'cancelled-running': { state: 'cancelled', reason: 'CANCELLED by 1001' },
    'cancelling-0': { state: 'cancelled', reason: 'CANCELLED by 1001' },
    completing: { state: 'cancelled', reason: 'CANCELLED by 1001' },
    failed: { state: 'failed', exitCode: 7 },
    'node-fail-requeue': { state: 'failed', reason: 'NODE_FAIL' },
    'node-reboot': { state: 'failed', reason: 'NODE_FAIL' },
    oom: { state: 'failed', reason: 'exit 0:9' },
    'preempted-requeue': { state: 'timeout', reason: 'PREEMPTED' },
    timeout: { state: 'timeout' },
  });
});

test('a source that failed says so, one that knows nothing lists nothing, and one that is not there is none', () => {
  const types = (pattern: RegExp, read: (output: Output) => { readonly type: string }): Record<string, string> =>
    Object.fromEntries(named(pattern).map(([name, output]) => [name, read(output).type]));
  assert.deepEqual(types(/^(?:ctld|munge)-.*-squeue$/, (output) => readSqueue(output, false)), {
    'ctld-down-squeue': 'failed', 'ctld-hung-squeue': 'failed', 'munge-down-squeue': 'failed',
    'munge-hung-squeue': 'failed',
  });
  for (const [name, output] of named(/^(?:squeue-unknown.*|purge-after-squeue|noacct-squeue-completed-default)$/)) {
    assert.deepEqual(readSqueue(output, false), { type: 'listed', jobs: [] }, name);
  }
  assert.deepEqual(types(/^(?:ctld-down|dbd-down|noacct|sacct-unknown|noacct-sacct-j)(?:-sacct)?(?:-j)?$/,
    (output) => readSacct(output, false)), {
    'ctld-down-sacct': 'listed', 'dbd-down-sacct': 'failed', 'noacct-sacct-j': 'none', 'noacct-sacct': 'none',
    'sacct-unknown': 'listed',
  });
});

test('scancel has done its part for jobs that have ended or never were, and for no others that it refuses', () => {
  const taken = named(/scancel/).filter(([, output]) => readScancel(output).type === 'taken').map(([name]) => name);
  assert.deepEqual(taken, [
    'array-scancel-element', 'purge-after-scancel', 'scancel-already-done', 'scancel-many', 'scancel-ok',
    'scancel-signal', 'scancel-unknown', 'scancel-verbose-done', 'scancel-verbose-unknown',
  ]);
  const gone = 'scancel: error: Kill job error on job id 4: Job/step already completing or completed\n';
  assert.equal(readScancel({ code: 1, signal: null, stdout: '', stderr: gone }).type, 'taken');
  const other = `${gone}scancel: error: other\n`;
  assert.equal(readScancel({ code: 1, signal: null, stdout: '', stderr: other }).type, 'failed');
});

test('squeue\'s rows: exit codes out of wait statuses, ids of clusters, reasons with anything in them', () => {
  const stdout = [
    '1|east|b.1|FAILED|1792|1795269907|NonZeroExitCode|', '2|east|b.2|RUNNING|0|1795270207|None|',
    '3|west|b.3|FAILED|9|1795270207|None|', '4|west|b.4|PENDING|0|N/A|(ReqNodeNotAvail, UnavailableNodes:a|b)|',
    '5|west|b.5|NEW_WORD|0|NONE|None|', 'CLUSTER: west', '',
  ].join('\n');
  assert.deepEqual(readSqueue({ code: 0, signal: null, stdout, stderr: '' }, true), {
    type: 'listed',
    jobs: [
      { id: '1;east', name: 'b.1', status: { state: 'failed', exitCode: 7 } },
      { id: '2;east', name: 'b.2', status: { state: 'running', endsAtMs: 1_795_270_207_000 } },
      { id: '3;west', name: 'b.3', status: { state: 'failed', reason: 'exit 0:9' } },
      { id: '4;west', name: 'b.4', status: { state: 'pending', reason: '(ReqNodeNotAvail, UnavailableNodes:a|b)' } },
      { id: '5;west', name: 'b.5', status: { state: 'unknown', reason: 'NEW_WORD' } },
    ],
  });
});

test('of a job\'s several records the last counts, and another job\'s with its id does not hide it', () => {
  const stdout = '7|c|ours|PREEMPTED|0:0|1|None\n7|c|ours|FAILED|3:0|2|None\n7|c|theirs|COMPLETED|0:0|3|None\n';
  assert.deepEqual(readSacct({ code: 0, signal: null, stdout, stderr: '' }, false), {
    type: 'listed',
    jobs: [
      { id: '7', name: 'ours', status: { state: 'failed', exitCode: 3 } },
      { id: '7', name: 'theirs', status: { state: 'completed', exitCode: 0 } },
    ],
  });
});
