// qdel of the stand-in. A job that runs is told to end; one that waits is gone at once.

import { find, type Answer } from './qstat.ts';
import type { Job, State } from './records.ts';
import { toHistory } from './server.ts';

export interface Deletion extends Answer {
  /** The processes that have to hear of it. */
  readonly signals: readonly number[];
}

export function del(state: State, argv: readonly string[]): Deletion {
  const { server, health } = state.settings;
  if (health === 'down') {
    const stderr = `Connection refused\nCouldn't connect to cluster: ${server}\n`;
    return { stdout: '', stderr, exitCode: 162, signals: [] };
  }
  const ids = argv.filter((word, i) => !word.startsWith('-') && argv[i - 1] !== '-W');
  const known = ids.map((id) => find(state, id)).filter((found) => found !== 'malformed');
  if (known.some(({ job }) => job?.state === 'H') && known.some(({ job }) => job === undefined)) {
    state.settings.health = 'down'; // the real one crashes, and its client hears of no error
    return { stdout: '', stderr: '', exitCode: 0, signals: [] };
  }
  const signals: number[] = [];
  const refusals: Refused[] = [];
  for (const id of ids) {
    const found = find(state, id);
    const refused: Refused | undefined = found === 'malformed'
      ? { code: 1, words: `illegally formed job identifier: ${id}` }
      : found.job === undefined ? { code: UNKNOWN, words: `Unknown Job Id ${found.key}` }
        : end(state, found.job, argv.includes('-x'), signals);
    // Of several unknown ids only the first is told of.
    const isRepeated = refused?.code === UNKNOWN && refusals.some(({ code }) => code === UNKNOWN);
    if (refused !== undefined && !isRepeated) refusals.push(refused);
  }
  const stderr = refusals.map(({ words }) => `qdel: ${words}\n`).join('');
  return { stdout: '', stderr, exitCode: refusals.at(-1)?.code ?? 0, signals };
}

interface Refused {
  readonly code: number;
  readonly words: string;
}

const UNKNOWN = 153;

function end(state: State, job: Job, forgets: boolean, signals: number[]): Refused | undefined {
  const { user, server } = state.settings;
  if (job.owner !== user) return { code: 159, words: `Unauthorized Request  ${job.id}` };
  switch (job.state) {
    case 'F':
      if (!forgets) return { code: 35, words: `Job has finished ${job.id}` };
      delete state.jobs[job.id];
      return undefined;
    case 'E':
      return { code: 168, words: `Request invalid for state of job ${job.id}` };
    case 'R':
    case 'S':
      job.deletedBy = `${user}@${server}`;
      if (job.mom !== undefined) signals.push(job.mom.pid);
      return undefined;
    default:
      toHistory(state, job, 91);
      return undefined;
  }
}
