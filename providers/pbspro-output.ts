// What PBS Professional's commands print → plain data. Pure.

import { isMapping } from '../src/common/schema.ts';
import { endOfScript, readDuration, readTime, type PbsJob } from './pbs-job.ts';
import type { JobStatus } from './provider.ts';

/**
 * The document of `qstat -f -F json`. A failed qstat prints one without jobs, so the exit code has to be read as well.
 * Values of a job's environment are not to be relied on: qstat takes what looks like a number for one, and versions
 * before 23 print some of them so that the document is none; then it is read without the environments.
 */
export function parseJobs(stdout: string): PbsJob[] | undefined {
  const document = parseDocument(stdout) ?? parseDocument(withoutEnvironments(stdout));
  if (!isMapping(document) || !('timestamp' in document)) return undefined;
  const jobs = document['Jobs'] ?? {};
  if (!isMapping(jobs)) return undefined;
  return Object.entries(jobs).map(([id, job]) => jobOf(id, isMapping(job) ? job : {}));
}

function parseDocument(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return undefined; // the caller decides what a text means that is none
  }
}

/** The document stands one value a line, indented by depth; an environment ends at the brace of its own depth. */
function withoutEnvironments(stdout: string): string {
  return stdout.replace(/^([ \t]+)"Variable_List":[ \t]*\{\n[^]*?\n\1\}(,?)$/gm, '$1"Variable_List": {}$2');
}

function jobOf(id: string, job: Readonly<Record<string, unknown>>): PbsJob {
  const limits = isMapping(job['Resource_List']) ? job['Resource_List'] : {};
  const used = isMapping(job['resources_used']) ? job['resources_used'] : {};
  return {
    id,
    name: text(job['Job_Name']) ?? '',
    letter: text(job['job_state']) ?? '',
    substate: number(job['substate']),
    exitStatus: number(job['Exit_status']),
    comment: text(job['comment'])?.trim(),
    holdTypes: text(job['Hold_Types']),
    startedAtMs: readTime(text(job['stime'])),
    walltimeS: readDuration(text(limits['walltime'])),
    usedWalltimeS: readDuration(text(used['walltime'])),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** Why a job ended that its script did not end. */
const SYSTEM_ENDS: Readonly<Record<number, string>> = {
  [-1]: 'could not be started on its node', [-2]: 'could not be started on its node',
  [-3]: 'could not be started on its node', [-4]: 'aborted when its node\'s daemon started again',
  [-5]: 'aborted when its node\'s daemon started again', [-6]: 'aborted when its node\'s daemon started again',
  [-10]: 'its node does not know its user or group', [-11]: 'started again by the scheduler',
  [-16]: 'refused by a hook of the site', [-17]: 'refused by a hook of the site',
  [-18]: 'sent back by a hook of the site', [-19]: 'deleted by a hook of the site',
  [-20]: 'its first node was lost', [-21]: 'a security check failed on its node', [-22]: 'a hook of the site failed',
  [-23]: 'it has no Kerberos credentials', [-24]: 'it used more cpus than it asked for',
  [-25]: 'it used more cpus than it asked for', [-26]: 'it used more virtual memory than it asked for',
  [-27]: 'it used more memory than it asked for', [-28]: 'it used more cpu time than it asked for',
  [-30]: 'its nodes could not be brought together',
};
const WALLTIME_EXCEEDED = -29;
/** 256 and SIGTERM: what a delete order ends a job with. */
const DELETED = 271;
const SUBSTATE_TERMINATED = 91;

export function endOf({ substate, exitStatus, comment, startedAtMs }: PbsJob): JobStatus {
  const code = exitStatus !== undefined && exitStatus >= 0 && exitStatus < 256 ? { exitCode: exitStatus } : {};
  if (exitStatus === WALLTIME_EXCEEDED) return { state: 'timeout', reason: 'its walltime was over' };
  if (substate === SUBSTATE_TERMINATED || exitStatus === DELETED) {
    return { state: 'cancelled', ...code, reason: /terminated by \S+$/.exec(comment ?? '')?.[0] ?? 'deleted' };
  }
  if (exitStatus === undefined) {
    if (startedAtMs === undefined) return { state: 'cancelled', reason: comment ?? 'ended before it ran' };
    return { state: 'failed', reason: comment ?? 'ended without an exit status' };
  }
  if (exitStatus >= 0) return endOfScript(exitStatus);
  const why = SYSTEM_ENDS[exitStatus] ?? 'ended by the system';
  return { state: 'failed', reason: `${why} (Exit_status ${exitStatus})` };
}
