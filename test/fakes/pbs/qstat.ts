// qstat and qselect of the stand-in: which jobs, and what is said of those that are not there.

import { json, long, short } from './layout.ts';
import type { Job, State } from './records.ts';

export interface Answer {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

const OUR_ID = /^(\d+)(?:\.([\w-]+))?$/;

/** A job of the state by an id with or without the server's name; a word when the id is none. */
export function find(state: State, id: string): { readonly key: string; readonly job: Job | undefined } | 'malformed' {
  const [, number, server = state.settings.server] = OUR_ID.exec(id) ?? [];
  if (number === undefined || server !== state.settings.server) return 'malformed';
  const key = `${number}.${server}`;
  return { key, job: state.jobs[key] };
}

export function stat(state: State, argv: readonly string[]): Answer {
  const { server, health, history } = state.settings;
  const flags = argv.filter((word) => word.startsWith('-'));
  const ids = argv.filter((word, i) => !word.startsWith('-') && argv[i - 1] !== '-F');
  const [isLong, isJson, withEnded] = ['-f', '-F', '-x'].map((flag) => flags.includes(flag));
  const lines: string[] = [];
  const jobs: Job[] = [];
  let exitCode = 0;
  const fail = (code: number, line: string): void => {
    exitCode = code;
    lines.push(`${line}\n`);
  };
  const every = Object.values(state.jobs).filter((job) => withEnded || job.state !== 'F').map(({ id }) => id);
  for (const id of ids.length === 0 && health !== 'down' ? every : ids) {
    if (health === 'down') {
      fail(255, `Connection refused\nqstat: cannot connect to server ${server} (errno=15010)`);
      continue;
    }
    const found = find(state, id);
    if (found === 'malformed') {
      if (/^\d/.test(id)) fail(1, `qstat: illegally formed job identifier: ${id}`);
      else fail(170, `qstat: Unknown queue destination ${id}`);
    } else if (withEnded && !history) {
      fail(0, `qstat: PBS is not configured to maintain job history ${found.key}`);
    } else if (found.job === undefined) {
      fail(153, `qstat: Unknown Job Id ${found.key}`);
    } else if (found.job.state === 'F' && !withEnded) {
      fail(35, `qstat: ${found.key} Job has finished, use -x or -H to obtain historical job information`);
    } else {
      jobs.push(found.job);
    }
  }
  const text = isJson ? json(jobs, server) : isLong ? jobs.map((job) => long(job, server)).join('') : short(jobs);
  return { stdout: text, stderr: lines.join(''), exitCode };
}

/** `-N NAME`, `-s STATES`, `-u USER`: ids of what is not in the history. */
export function select(state: State, argv: readonly string[]): Answer {
  const { server, health } = state.settings;
  if (health === 'down') {
    return {
      stdout: '', exitCode: 162,
      stderr: `Connection refused\nqselect: cannot connect to server ${server} (errno=15010)\n`,
    };
  }
  const value = (flag: string): string | undefined => (argv.includes(flag) ? argv[argv.indexOf(flag) + 1] : undefined);
  const jobs = Object.values(state.jobs).filter((job) => job.state !== 'F' && job.name === (value('-N') ?? job.name)
    && (value('-s') ?? job.state).includes(job.state) && job.owner === (value('-u') ?? job.owner));
  return { stdout: jobs.map(({ id }) => `${id}\n`).join(''), stderr: '', exitCode: 0 };
}
