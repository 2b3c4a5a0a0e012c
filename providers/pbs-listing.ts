// An answer of qstat about jobs by id. Each id is asked for by itself, and the exit code is that of the last one that
// went wrong: so every id must be in the document, or be named on stderr as one that the server does not have.

import type { Output } from '../src/common/exec.ts';
import { statusOf, type PbsJob } from './pbs-job.ts';
import { wordsOf } from './pbs.ts';
import type { JobStatus } from './provider.ts';
import type { Listing } from './scheduler.ts';

/** 0: all there. 35: one has finished. 153: one is unknown. Whatever else it is, jobs were not answered for. */
const ANSWERS: ReadonlySet<number | null> = new Set([0, 35, 153]);
const ABSENT = /^qstat: (?:Unknown Job Id(?: Error)? (\S+)$|(\S+) Job has finished)/gm;

export interface Reading {
  /** undefined: what was printed is not what qstat prints. */
  readonly parse: (stdout: string) => readonly PbsJob[] | undefined;
  readonly endOf: (job: PbsJob) => JobStatus;
}

export function readListing(output: Output, ids: readonly string[], { parse, endOf }: Reading): Listing {
  if (!ANSWERS.has(output.code)) return { type: 'failed', words: wordsOf(output) };
  const jobs = parse(output.stdout);
  if (jobs === undefined) return { type: 'failed', words: 'qstat printed what cannot be read' };
  const byKey = new Map(jobs.map((job) => [keyOf(job.id), job]));
  const absent = new Set([...output.stderr.matchAll(ABSENT)].map(([, unknown, finished]) =>
    keyOf(unknown ?? finished ?? '')));
  const silent = ids.filter((id) => !byKey.has(keyOf(id)) && !absent.has(keyOf(id)));
  if (silent.length > 0) return { type: 'failed', words: `no answer for ${silent.join(', ')}: ${wordsOf(output)}` };
  return {
    type: 'listed',
    jobs: ids.flatMap((id) => {
      const job = byKey.get(keyOf(id));
      return job === undefined ? [] : [{ id, name: job.name, status: statusOf(job, endOf) }];
    }),
  };
}

/** One command may print a server's short name where another prints the long one. */
function keyOf(id: string): string {
  return id.split('.', 2).join('.');
}
