// qdel of the stand-in. A job that runs is told to end; one that waits is gone at once.

import { toHistory } from './server.ts';
import type { State } from './records.ts';
import { find, type Answer } from './qstat.ts';

export interface Deletion extends Answer {
  /** The processes that have to hear of it. */
  readonly signals: readonly number[];
}

export function del(state: State, argv: readonly string[]): Deletion {
  const { server, user, health } = state.settings;
  if (health === 'down') {
    const stderr = `Connection refused\nCouldn't connect to cluster: ${server}\n`;
    return { stdout: '', stderr, exitCode: 162, signals: [] };
  }
  const forgets = argv.includes('-x');
  const ids = argv.filter((word, i) => !word.startsWith('-') && argv[i - 1] !== '-W');
  const signals: number[] = [];
  const lines: string[] = [];
  let exitCode = 0;
  for (const id of ids) {
    const found = find(state, id);
    const refuse = (code: number, words: string): void => {
      exitCode = code;
      lines.push(`qdel: ${words}\n`);
    };
    if (found === 'malformed') {
      refuse(1, `illegally formed job identifier: ${id}`);
      continue;
    }
    const { key, job } = found;
    if (job === undefined) refuse(153, `Unknown Job Id ${key}`);
    else if (job.owner !== user) refuse(159, `Unauthorized Request  ${key}`);
    else if (job.state === 'F' && forgets) delete state.jobs[key];
    else if (job.state === 'F') refuse(35, `Job has finished ${key}`);
    else if (job.state === 'E') refuse(168, `Request invalid for state of job ${key}`);
    else if (job.state === 'R' || job.state === 'S') {
      job.deletedBy = `${user}@${server}`;
      if (job.mom !== undefined) signals.push(job.mom.pid);
    } else {
      toHistory(state, job, 91);
    }
  }
  return { stdout: '', stderr: lines.join(''), exitCode, signals };
}
