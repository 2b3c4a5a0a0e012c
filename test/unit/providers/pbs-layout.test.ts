// The stand-in's layouts against the recordings: what is read out of a recorded job is printed as it was recorded.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { json, long, short } from '../../fakes/pbs/layout.ts';
import { RECORDINGS, recording, type Recording } from '../../fakes/pbs/recordings.ts';
import type { Job, Resources } from '../../fakes/pbs/records.ts';

process.env['TZ'] = 'UTC'; // the recordings' zone

type Attributes = ReadonlyMap<string, string | number | Resources>;

const epoch = (value: string | undefined): number | undefined =>
  value === undefined ? undefined : Date.parse(`${value} UTC`) / 1000;
const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value) ?? '');

/** The record of which the attributes tell. */
function jobOf(id: string, of: Attributes): Job {
  const get = (name: string): string | undefined => (of.has(name) ? text(of.get(name)) : undefined);
  const number = (name: string): number | undefined => (of.has(name) ? Number(of.get(name)) : undefined);
  const map = (name: string): Resources | undefined => {
    const value = of.get(name);
    return typeof value === 'object' ? value : undefined;
  };
  const words = (name: string): string[] => [...text(of.get(name)).matchAll(/<[^>]+>(.*?)<\/[^>]+>/g)]
    .map(([, word = '']) => word.replaceAll('&lt;', '<').replaceAll('&gt;', '>'));
  const command = [...words('executable'), ...words('argument_list')];
  const known = {
    number: Number.parseInt(id, 10), id, name: get('Job_Name'), owner: get('Job_Owner')?.split('@')[0],
    state: get('job_state'), substate: number('substate'), queue: get('queue'), account: get('Account_Name'),
    ctime: epoch(get('ctime')), mtime: epoch(get('mtime')), etime: epoch(get('etime')), stime: epoch(get('stime')),
    obittime: epoch(get('obittime')), executionTime: epoch(get('Execution_Time')), errorPath: get('Error_Path'),
    outputPath: get('Output_Path'), joinPath: get('Join_Path'), execHost: get('exec_host'),
    execVnode: get('exec_vnode'), holdTypes: get('Hold_Types'), rerunable: get('Rerunable') === 'True',
    resources: map('Resource_List'), used: map('resources_used'), sessionId: number('session_id'),
    jobdir: get('jobdir'), variables: map('Variable_List'), comment: get('comment'), runCount: number('run_count') ?? 0,
    stageout: of.has('Stageout_status'), exitStatus: number('Exit_status'),
    submitArguments: get('Submit_arguments'), historyTime: number('history_timestamp'),
    command: command.length === 0 ? undefined : command,
  };
  // The recordings have what every job has, and what some do not have is left out.
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)) as unknown as Job;
}

function fromJson(of: Recording): Job[] {
  // As the recordings are.
  const { Jobs = {} } = JSON.parse(of.stdout) as { readonly Jobs?: Record<string, Record<string, unknown>> };
  return Object.entries(Jobs).map(([id, attributes]) => jobOf(id, new Map(Object.entries(attributes)
    .map(([name, value]) => [name, typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, text(one).replaceAll(',', '\\,')]))
      : typeof value === 'number' ? value : text(value)]))));
}

function fromLong(of: Recording): Job {
  const lines = of.stdout.trimEnd().replaceAll('\n\t', '').split(/\n {4}/);
  const attributes = new Map<string, string | Resources>();
  for (const line of lines.slice(1)) {
    const at = line.indexOf(' = ');
    const [name = '', resource] = line.slice(0, at).split('.');
    const value = line.slice(at + 3);
    if (resource !== undefined) attributes.set(name, { ...Object(attributes.get(name)), [resource]: value });
    else if (name === 'Variable_List') attributes.set(name, variablesOf(value));
    else attributes.set(name, value);
  }
  return jobOf((lines[0] ?? '').replace('Job Id: ', ''), attributes);
}

function variablesOf(value: string): Resources {
  return Object.fromEntries(value.split(/(?<!\\),/).map((one): [string, string] => {
    const at = one.indexOf('=');
    return [one.slice(0, at), one.slice(at + 1)];
  }));
}

const timeless = (document: string): string => document.replace(/("timestamp":\t)\d+/, '$10');
// One job's comment ends with a blank, and a depend or an odd environment is nothing that the stand-in has.
const odd = /depend|odd-values/;
const plain = RECORDINGS.filter(({ name, exitCode }) => exitCode === 0 && name.startsWith('state-') && !odd.test(name));

for (const sample of plain.filter(({ name }) => name.endsWith('-json'))) {
  test(`the document is printed as recorded: ${sample.name}`, () => {
    assert.equal(timeless(json(fromJson(sample), 'pbshead')), timeless(sample.stdout));
  });
}

for (const sample of plain.filter(({ name }) => /-qstat-x?f$/.test(name))) {
  test(`the long form is printed and folded as recorded: ${sample.name}`, () => {
    assert.equal(long(fromLong(sample), 'pbshead'), sample.stdout);
  });
}

for (const sample of plain.filter(({ name }) => /-qstat(-x)?$/.test(name))) {
  test(`the columns are printed as recorded: ${sample.name}`, () => {
    const [, , line = ''] = sample.stdout.split('\n');
    const [id = '', name = '', owner = '', cput = '', state = '', queue = ''] = line.trim().split(/\s+/);
    const job = { ...fromJson(recording('state-running-qstat-f-json'))[0], id, name, owner, state, queue };
    // Every field of a job is there: only those of the columns were exchanged.
    assert.equal(short([{ ...job, used: cput === '0' ? undefined : { cput } } as unknown as Job]), sample.stdout);
  });
}

test('there are recordings of every layout', () => {
  const counts = ['json', 'f', 'x'].map((end) => plain.filter(({ name }) => name.endsWith(end)).length);
  assert.ok(counts.every((count) => count >= 10), String(counts));
});

test('an environment of odd values is printed as recorded, mistakes included', () => {
  const sample = recording('state-odd-values-qstat-xf');
  const job = fromLong(sample);
  assert.equal(long(job, 'pbshead'), sample.stdout);
  const document = recording('state-odd-values-qstat-xf-json').stdout;
  assert.equal(timeless(json([job], 'pbshead')), timeless(document));
});
