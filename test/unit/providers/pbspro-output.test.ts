// What PBS Professional printed, state by state, and what is made of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endOf, parseJobs } from '../../../providers/pbspro-output.ts';
import { readTaken } from '../../../providers/pbs.ts';
import { parsePbsPro, pbsPro } from '../../../providers/pbspro.ts';
import { statusOf, type PbsJob } from '../../../providers/pbs-job.ts';
import type { JobStatus } from '../../../providers/provider.ts';
import { outputOf, recording, RECORDINGS } from '../../fakes/pbs/recordings.ts';

const scheduler = pbsPro(parsePbsPro({}));

/** As the list has the job; of an ended one, as the records have it. */
const STATES: Readonly<Record<string, JobStatus>> = {
  'after-qhold': { state: 'running', endsAtMs: Date.UTC(2026, 10, 21, 1, 56, 8) },
  'after-server-restart': { state: 'completed', exitCode: 0 },
  'deleted-held': { state: 'cancelled', reason: 'terminated by alice@pbshead' },
  'deleted-running': { state: 'cancelled', reason: 'terminated by alice@pbshead' },
  'dependency-after-parent-deleted': { state: 'cancelled', reason: 'ended before it ran' },
  exiting: { state: 'running' },
  'finished-exit7': { state: 'failed', exitCode: 7 },
  'finished-ok': { state: 'completed', exitCode: 0 },
  'finished-two-nodes': { state: 'completed', exitCode: 0 },
  'held-dependency': { state: 'held', reason: 'held, Hold_Types = s' },
  'held-user': { state: 'held', reason: 'held, Hold_Types = u' },
  'node-fail-norerun': { state: 'failed', reason: 'its first node was lost (Exit_status -20)' },
  'node-fail-rerun': { state: 'pending', reason: 'Not Running: Insufficient amount of resource: host' },
  'odd-values': { state: 'held', reason: 'held, Hold_Types = u' },
  'over-memory': { state: 'running', endsAtMs: Date.UTC(2026, 10, 21, 2, 13, 41) },
  preempted: { state: 'held', reason: 'suspended' },
  queued: { state: 'pending', reason: 'Not Running: Not enough free nodes available' },
  'queued-never': {
    state: 'pending', reason: 'Can Never Run: Insufficient amount of resource: ncpus (R: 64 A: 4 T: 4)',
  },
  'queued-scheduling-off': { state: 'pending', reason: 'not looked at by the scheduler yet' },
  'queued-stopped-queue': { state: 'pending', reason: 'Not Running: Queue not started.' },
  'queued-user-run-limit': {
    state: 'pending', reason: 'Not Running: User has reached queue small running job limit.',
  },
  'requeued-qrerun': { state: 'running', endsAtMs: Date.UTC(2026, 10, 21, 2, 13, 38) },
  running: { state: 'running', endsAtMs: Date.UTC(2026, 10, 21, 1, 58, 46) },
  suspended: { state: 'held', reason: 'suspended' },
  'waiting-W': { state: 'pending', reason: 'waits for its Execution_Time' },
  'walltime-exceeded': { state: 'timeout', reason: 'its walltime was over' },
};

for (const [name, expected] of Object.entries(STATES)) {
  test(`recorded state ${name} is ${expected.state}`, () => {
    const list = recording(`state-${name}-qstat-f-json`);
    const history = recording(`state-${name}-qstat-xf-json`);
    const id = list.argv.at(-1) ?? '';
    const now = scheduler.list.read(outputOf(list), [id]);
    const ever = scheduler.history.read(outputOf(history), [id]);
    const [listed] = now.type === 'listed' ? now.jobs : [];
    const [record] = ever.type === 'listed' ? ever.jobs : [];
    assert.deepEqual(record?.status, expected);
    // A job that has ended is in the records only; another is in both.
    assert.deepEqual(listed?.status, list.exitCode === 35 ? undefined : expected);
    assert.equal(record?.id, id);
    assert.match(record?.name ?? '', /^(demo|STDIN|pfail\.sh|ptwo\.sh|oddvals)$/);
  });
}

test('every recorded state is among them', () => {
  const names = RECORDINGS.flatMap(({ name }) => /^state-(.*)-qstat-xf-json$/.exec(name)?.[1] ?? []);
  assert.deepEqual(names.toSorted(), Object.keys(STATES).toSorted());
});

const read = (name: string, ids: readonly string[]): unknown => scheduler.list.read(outputOf(recording(name)), ids);

test('a job that is unknown or has finished is not listed', () => {
  const none = { type: 'listed', jobs: [] };
  assert.deepEqual(read('qstat-unknown-f-json', ['999999.pbshead']), none);
  assert.deepEqual(read('qstat-finished-no-x-json', ['1.pbshead']), none);
});

test('an unknown job takes no other with it', () => {
  const output = outputOf(recording('qstat-many-one-unknown-json'));
  const answer = scheduler.list.read(output, ['1.pbshead', '999999.pbshead']);
  assert.deepEqual(answer.type === 'listed' && answer.jobs.map(({ id }) => id), ['1.pbshead']);
});

test('a server that is down says nothing of any job, though its document can be read', () => {
  assert.deepEqual(read('server-down-qstat-json', ['1021.pbshead']), {
    type: 'failed', words: 'Connection refused; qstat: cannot connect to server pbshead (errno=15010)',
  });
});

test('jobs without a word in the answer are not taken for gone', () => {
  // The first id could not be asked for; the exit code is that of the second.
  const { stdout } = recording('qstat-unknown-f-json');
  const stderr = 'Connection refused\nqstat: cannot connect to server pbshead (errno=15010)\n'
    + 'qstat: Unknown Job Id 2.pbshead\n';
  const answer = scheduler.list.read({ code: 153, signal: null, stdout, stderr }, ['1.pbshead', '2.pbshead']);
  assert.deepEqual(answer.type === 'failed' && answer.words.replace(/:.*/, ''), 'no answer for 1.pbshead');
  const silent = scheduler.list.read(outputOf(recording('qstat-empty-json')), ['1.pbshead']);
  assert.equal(silent.type, 'failed');
});

const UNREADABLE = [
  ['nothing', ''], ['half a document', '{"timestamp": 1, "Jobs": {'], ['text', 'hello'],
  ['another document', '{"a": 1}'], ['a list', '[]'], ['jobs that are none', '{"timestamp": 1, "Jobs": []}'],
] as const;
for (const [what, stdout] of UNREADABLE) {
  test(`${what} is not an answer`, () => {
    const answer = scheduler.list.read({ code: 0, signal: null, stdout, stderr: '' }, ['1.pbshead']);
    assert.deepEqual(answer, { type: 'failed', words: 'qstat printed what cannot be read' });
  });
}

test('without history there is nothing to wait for', () => {
  const output = outputOf(recording('nohistory-qstat-xf-json'));
  assert.equal(scheduler.history.read(output, ['2001.pbshead']).type, 'none');
});

test('a killed command is no answer', () => {
  const killed = { code: null, signal: 'SIGKILL', stdout: '', stderr: '' } as const;
  assert.equal(scheduler.list.read(killed, ['1.pbshead']).type, 'failed');
  assert.deepEqual(readTaken(killed), { type: 'failed', words: 'it ended with SIGKILL' });
  assert.equal(scheduler.submit.read(killed, '/job.sh').type, 'doubtful');
});

test('an odd environment makes a document that is none, and the job is read all the same', () => {
  const { stdout } = recording('state-odd-values-qstat-f-json');
  const [expected] = parseJobs(stdout) ?? [];
  for (const broken of ['007', 'inf', 'nan', '"he said "hi""', '{"a":[1', '1.2.3']) {
    const document = stdout.replace('"LEADZ":\t7', `"LEADZ":\t${broken}`);
    assert.notEqual(document, stdout);
    assert.deepEqual(parseJobs(document), [expected], broken);
    const spaced = document.replaceAll('\t', '    ');
    assert.deepEqual(parseJobs(spaced), [expected], broken);
  }
});

test('a server\'s long and short name are one server', () => {
  const output = outputOf(recording('state-running-qstat-f-json'));
  const answer = scheduler.list.read(output, ['1.pbshead.site.example']);
  assert.deepEqual(answer.type === 'listed' && answer.jobs.map(({ id }) => id), ['1.pbshead.site.example']);
  assert.equal(scheduler.list.read(output, ['11.pbshead']).type, 'failed');
});

const ended = (more: Partial<PbsJob>): JobStatus => statusOf({
  id: '1.pbs', name: 'x', letter: 'F', substate: 92, exitStatus: undefined, comment: undefined, holdTypes: 'n',
  startedAtMs: 1, walltimeS: 60, usedWalltimeS: 1, ...more,
}, endOf);

test('a script that answers the order to end with success was cancelled all the same', () => {
  assert.deepEqual(ended({ substate: 91, exitStatus: 0 }), { state: 'cancelled', exitCode: 0, reason: 'deleted' });
});

test('signals have names, and exit statuses of versions to come are told as they are', () => {
  assert.deepEqual(ended({ substate: 93, exitStatus: 265 }), { state: 'failed', reason: 'killed by SIGKILL' });
  assert.deepEqual(ended({ exitStatus: 271 }), { state: 'cancelled', reason: 'deleted' });
  assert.deepEqual(ended({ exitStatus: -99 }), { state: 'failed', reason: 'ended by the system (Exit_status -99)' });
  assert.deepEqual(ended({}), { state: 'failed', reason: 'ended without an exit status' });
  assert.deepEqual(ended({ letter: 'M', comment: 'Job has been moved to "far"' }),
    { state: 'unknown', reason: 'Job has been moved to "far"' });
  assert.deepEqual(ended({ letter: '?' }), { state: 'unknown', reason: 'job_state ?' });
});

const REFUSED: Readonly<Record<string, string>> = {
  'qsub-bad-queue': 'qsub: Unknown queue',
  'qsub-bad-resource': 'qsub: Unknown resource: nosuchres',
  'qsub-bad-select': 'qsub: Illegal attribute or resource value Resource_List.select',
  'qsub-bad-option': "qsub: invalid option -- '-'; qsub: invalid option -- 'n'",
  'qsub-bad-name': 'qsub: illegal -N value',
  'qsub-conflict-select-nodes': 'qsub: Cannot be used with select or place: nodes',
  'qsub-disabled-queue': 'qsub: Queue is not enabled',
  'qsub-over-limit-ncpus': 'qsub: Job violates queue and/or server resource limits',
  'qsub-over-limit-queued': "qsub: would exceed queue generic's per-user limit",
  'qsub-restricted-queue': 'qsub: Unauthorized Request',
  'qsub-root': 'qsub: Bad UID for job execution',
};

for (const [name, words] of Object.entries(REFUSED)) {
  test(`refused in the scheduler's words: ${name}`, () => {
    assert.deepEqual(scheduler.submit.read(outputOf(recording(name)), '/job.sh'), { type: 'refused', words });
  });
}

test('a submission is accepted by its id, and in doubt without one', () => {
  const accepted = { type: 'accepted', id: '1.pbshead' };
  assert.deepEqual(scheduler.submit.read(outputOf(recording('qsub-ok')), '/job.sh'), accepted);
  const said = (stdout: string, code = 0): string =>
    scheduler.submit.read({ code, signal: null, stdout, stderr: '' }, '/job.sh').type;
  assert.equal(said('a banner of the site\n1.pbshead\n'), 'accepted');
  assert.equal(said(''), 'doubtful');
  assert.equal(said('thank you\n'), 'doubtful');
  assert.equal(said('', 183), 'doubtful');
});

test('a server that is not there has refused nothing', () => {
  assert.deepEqual(scheduler.submit.read(outputOf(recording('server-down-qsub')), '/job.sh'), {
    type: 'unreachable', words: 'Connection refused; qsub: cannot connect to server pbshead (errno=15010)',
  });
});

test('an order to end what is over, or about to be, was taken', () => {
  for (const name of ['qdel-ok', 'qdel-already-finished', 'qdel-unknown', 'qdel-exiting', 'qdel-held']) {
    assert.deepEqual(readTaken(outputOf(recording(name))), { type: 'taken' }, name);
  }
  for (const name of ['qdel-not-owner', 'qdel-bad-id', 'server-down-qdel']) {
    assert.equal(readTaken(outputOf(recording(name))).type, 'failed', name);
  }
});

test('jobs are found by name, whatever state they are in', () => {
  const answer = scheduler.find.read(outputOf(recording('qselect')), ['block-1.abc']);
  assert.deepEqual(answer.type === 'listed' && answer.jobs.map(({ id, name }) => [id, name]),
    [['1009.pbshead', 'block-1.abc']]);
  assert.equal(scheduler.find.read({ code: 162, signal: null, stdout: '', stderr: '' }, ['x']).type, 'failed');
});
