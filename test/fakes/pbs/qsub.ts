// qsub of the stand-in: options of the command line and of the script's directives → a job, or the recorded refusal.

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { now } from './server.ts';
import type { Job, Resources, State } from './records.ts';

export class Refusal extends Error {
  readonly exitCode: number;
  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

const USAGE = `usage: qsub [-a date_time] [-A account_string] [-c interval]
	[-C directive_prefix] [-e path] [-f ] [-h ] [-I [-X]] [-j oe|eo] [-J X-Y[:Z]]
	[-k keep] [-l resource_list] [-m mail_options] [-M user_list]
	[-N jobname] [-o path] [-p priority] [-P project] [-q queue] [-r y|n]
	[-R o|e|oe] [-S path] [-u user_list] [-W otherattributes=value...]
	[-v variable_list] [-V ] [-z] [script | -- command [arg1 ...]]
       qsub --version
`;
const WITH_VALUE = 'aACcejJklmMNopPqrRSuvW';
const FLAGS = 'fhIVXz';

interface Options {
  readonly values: Map<string, string>;
  readonly resources: Map<string, string>;
}

interface Words {
  readonly options: Options;
  readonly rest: readonly string[];
}

export interface Request {
  readonly argv: readonly string[];
  readonly stdin: () => string;
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface Submission {
  readonly script: string;
  readonly make: (state: State) => Job;
}

/** Reads what is to be submitted; `make` asks the server for it. Both throw a Refusal. */
export function read(request: Request): Submission {
  const { options, rest } = readWords(request.argv, '');
  const dashes = request.argv.indexOf('--');
  const command = dashes >= 0 ? request.argv.slice(dashes + 1) : undefined;
  const [path] = command === undefined ? rest : [];
  const script = command !== undefined ? '' : path === undefined ? request.stdin() : scriptAt(path);
  // The command line comes first. Of an option that is given twice the last is taken, of a resource the first.
  const directives = directivesOf(script).map((words) => readWords(words, 'qsub: directive error: ').options);
  const given = new Set(options.values.keys());
  for (const { values, resources } of directives) {
    for (const [key, value] of values) if (!given.has(key)) options.values.set(key, value);
    for (const [key, value] of resources) if (!options.resources.has(key)) options.resources.set(key, value);
  }
  if (path !== undefined && !options.values.has('N')) options.values.set('N', basename(path));
  return { script, make: (state) => makeJob(state, request, options, command) };
}

function scriptAt(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new Refusal(1, 'qsub: script file:: No such file or directory\n');
  }
}

function readWords(words: readonly string[], prefix: string): Words {
  const options: Options = { values: new Map(), resources: new Map() };
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    if (word === '--') return { options, rest: [] };
    if (!word.startsWith('-')) return { options, rest: words.slice(i) };
    const letter = word[1] ?? '';
    if (word.startsWith('--')) {
      const wrong = [...new Set(word.slice(1))].filter((one) => !WITH_VALUE.includes(one) && !FLAGS.includes(one));
      throw new Refusal(2, `${wrong.slice(0, 2).map((one) => `qsub: invalid option -- '${one}'\n`).join('')}${USAGE}`);
    }
    if (FLAGS.includes(letter)) {
      options.values.set(letter, '');
    } else if (WITH_VALUE.includes(letter)) {
      const value = word.length > 2 ? word.slice(2) : words[i += 1] ?? '';
      if (letter === 'l') readResources(value, options.resources);
      else options.values.set(letter, checked(letter, value));
    } else {
      throw new Refusal(2, `${prefix}qsub: invalid option -- '${letter}'\n${USAGE}`);
    }
  }
  return { options, rest: [] };
}

function checked(letter: string, value: string): string {
  if (letter !== 'N') return value;
  if (value.length > 230) throw new Refusal(2, 'qsub: Job name is too long \n');
  if (!/^[\w+.-]+$/.test(value)) throw new Refusal(2, `qsub: illegal -N value\n${USAGE}`);
  return value;
}

function readResources(text: string, resources: Map<string, string>): void {
  for (const one of text.split(',')) {
    const [name = '', ...value] = one.split('=');
    resources.set(name, value.join('='));
  }
}

/** The words of every #PBS line before the script's first command. Quotes and backslashes work as in a shell. */
export function directivesOf(script: string): string[][] {
  const lines: string[][] = [];
  for (const line of script.split('\n')) {
    if (line.startsWith('#PBS')) {
      lines.push([...line.slice(4).matchAll(/(?:\\.|"[^"]*"|'[^']*'|[^\s"'\\])+/g)].map(([word]) =>
        word.replace(/\\(.)|"([^"]*)"|'([^']*)'/g, (_, ...parts: (string | undefined)[]) =>
          parts.slice(0, 3).find((part) => part !== undefined) ?? '')));
    } else if (line.trim() !== '' && !line.trimStart().startsWith('#')) {
      break;
    }
  }
  return lines;
}

const KNOWN = new Set(['select', 'place', 'nodes', 'ncpus', 'mem', 'vmem', 'walltime', 'cput', 'nodect']);
const KNOWN_IN_CHUNK = new Set(['ncpus', 'mem', 'vmem', 'host', 'vnode', 'ngpus', 'mpiprocs', 'ompthreads', 'arch']);
const illegal = (name: string): Refusal =>
  new Refusal(166, `qsub: Illegal attribute or resource value Resource_List.${name}\n`);

/** What the server makes of the resources that were asked for. */
function resourcesOf(asked: ReadonlyMap<string, string>): Resources {
  const unknown = [...asked.keys()].find((name) => !KNOWN.has(name));
  if (unknown !== undefined) throw new Refusal(187, `qsub: Unknown resource Resource_List.${unknown}\n`);
  if (asked.has('nodes') && (asked.has('select') || asked.has('place'))) {
    throw new Refusal(6, 'qsub: Cannot be used with select or place: nodes\n');
  }
  const [count = '1', ppn = 'ppn=1'] = asked.get('nodes')?.split(':') ?? [];
  const fromNodes = asked.has('nodes') ? `${count}:ncpus=${ppn.slice(4)}:mpiprocs=${ppn.slice(4)}` : undefined;
  const select = fromNodes ?? asked.get('select') ?? `1:ncpus=${asked.get('ncpus') ?? 1}`;
  const totals = { ncpus: 0, nodect: 0 };
  for (const part of select.split('+')) {
    const [number = '', ...resources] = part.split(':');
    if (!/^\d+$/.test(number)) throw illegal('select');
    const other = resources.map((one) => one.split('=')[0] ?? '').find((name) => !KNOWN_IN_CHUNK.has(name));
    if (other !== undefined) throw new Refusal(187, `qsub: Unknown resource: ${other}\n`);
    const ncpus = /(?:^|:)ncpus=(\d+)/.exec(part)?.[1] ?? '1';
    totals.ncpus += Number(number) * Number(ncpus);
    totals.nodect += Number(number);
  }
  const mem = /(?:^|:)mem=(\w+)/.exec(select)?.[1];
  const place = asked.get('place') ?? (fromNodes !== undefined ? 'scatter' : asked.has('select') ? 'free' : 'pack');
  const walltime = asked.get('walltime');
  return {
    ...mem === undefined ? {} : { mem }, ncpus: String(totals.ncpus), nodect: String(totals.nodect), place, select,
    ...walltime === undefined ? {} : { walltime: durationText(seconds(walltime)) },
  };
}

export function seconds(text: string): number {
  if (!/^\d+(?::\d+){0,2}$/.test(text)) throw illegal('walltime');
  return text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}

export function durationText(s: number): string {
  return [s / 3600, (s / 60) % 60, s % 60].map((part) => String(Math.floor(part)).padStart(2, '0')).join(':');
}

function checkQueue(state: State, name: string, resources: Resources): void {
  const queue = state.settings.queues[name.replace(/@.*$/, '')];
  if (state.settings.user === 'root') throw new Refusal(175, 'qsub: Bad UID for job execution\n');
  if (queue === undefined) throw new Refusal(170, 'qsub: Unknown queue\n');
  if (!queue.allowed) throw new Refusal(159, 'qsub: Unauthorized Request \n');
  if (!queue.enabled) throw new Refusal(173, 'qsub: Queue is not enabled\n');
  const tooLong = seconds(resources['walltime'] ?? '0') > (queue.walltimeMaxS ?? Infinity);
  if (tooLong || Number(resources['ncpus']) > (queue.ncpusMax ?? Infinity)) {
    throw new Refusal(188, 'qsub: Job violates queue and/or server resource limits\n');
  }
  const open = Object.values(state.jobs).filter((job) => job.queue === name && job.state !== 'F');
  if (open.length >= (queue.queuedMax ?? Infinity)) {
    throw new Refusal(38, "qsub: would exceed queue generic's per-user limit\n");
  }
}

function makeJob(state: State, request: Request, { values, resources: asked }: Options, command?: string[]): Job {
  const { server, user, defaultQueue } = state.settings;
  const resources = resourcesOf(asked);
  const queue = values.get('q') ?? defaultQueue;
  checkQueue(state, queue, resources);
  const number = state.nextNumber;
  state.nextNumber += 1;
  const name = values.get('N') ?? 'STDIN';
  const at = now();
  const held = values.has('h');
  const waits = values.get('a');
  const account = values.get('A');
  const home = (path: string | undefined, kind: string): string => {
    const wanted = path ?? `${request.cwd}/${name}.${kind}${number}`;
    return `${server}:${wanted.startsWith('/') ? wanted : `${request.cwd}/${wanted}`}`;
  };
  const job: Job = {
    number, id: `${number}.${server}`, name, owner: user, state: held ? 'H' : waits === undefined ? 'Q' : 'W',
    substate: held ? 20 : waits === undefined ? 10 : 30, queue, ctime: at, mtime: at,
    ...account === undefined ? {} : { account },
    ...held || waits !== undefined ? {} : { etime: at },
    ...waits === undefined ? {} : { executionTime: todayAt(waits) },
    errorPath: home(values.get('e'), 'e'), outputPath: home(values.get('o'), 'o'), joinPath: values.get('j') ?? 'n',
    holdTypes: held ? 'u' : 'n', rerunable: values.get('r') !== 'n', resources, runCount: 0,
    variables: variablesOf(state, request, values, queue), submitArguments: request.argv.join(' '),
    ...command === undefined ? {} : { command },
  };
  state.jobs[job.id] = job;
  return job;
}

function variablesOf(
  { settings }: State, { cwd, environment }: Request, values: ReadonlyMap<string, string>, queue: string,
): Record<string, string> {
  const { home, user, server } = settings;
  const own = (values.get('v') ?? '').split(',').filter((one) => one !== '').map((one): [string, string] => {
    const at = one.indexOf('=');
    return at < 0 ? [one, environment[one] ?? ''] : [one.slice(0, at), one.slice(at + 1)];
  });
  const all: Readonly<Record<string, string>> = {
    PBS_O_HOME: home, PBS_O_LANG: 'C.UTF-8', PBS_O_LOGNAME: user, PBS_O_PATH: environment['PATH'] ?? '',
    PBS_O_SHELL: '/bin/bash', PBS_O_INTERACTIVE_AUTH_METHOD: 'resvport', PBS_O_INTERACTIVE_ENCRYPT_METHOD: '',
    PBS_O_WORKDIR: cwd, PBS_O_SYSTEM: 'Linux', ...Object.fromEntries(own),
    PBS_O_QUEUE: queue, PBS_O_HOST: server === '' ? hostname() : server,
  };
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [key, value.replace(/[,"\\]/g, '\\$&')]));
}

/** `-a HHMM`. */
function todayAt(clock: string): number {
  const at = new Date();
  at.setHours(Number(clock.slice(0, 2)), Number(clock.slice(2, 4)), 0, 0);
  return Math.floor(at.getTime() / 1000);
}
