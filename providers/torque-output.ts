// What Torque's `qstat -f` prints → plain data. Pure.

import { endOfScript, readDuration, readTime, signalName, type PbsJob } from './pbs-job.ts';
import type { JobStatus } from './provider.ts';

/**
 * Blocks of lines: 'Job Id: 12.server', then 'name = value' of every attribute, indented. A long value goes on in lines
 * that begin with a tab, and a line that begins with neither is the rest of a value that has a line break in it.
 */
export function parseLongJobs(stdout: string): PbsJob[] | undefined {
  if (stdout.trim() !== '' && !stdout.trimStart().startsWith('Job Id: ')) return undefined;
  return stdout.split(/^Job Id: /m).slice(1).map((block) => {
    const [id = '', ...lines] = block.split('\n');
    return jobOf(id.trim(), attributesOf(lines));
  });
}

function attributesOf(lines: readonly string[]): Map<string, string> {
  const attributes = new Map<string, string>();
  let name = '';
  for (const line of lines) {
    const begun = /^ {4}([\w.]+) = (.*)$/.exec(line);
    if (begun !== null) {
      name = begun[1] ?? '';
      attributes.set(name, begun[2] ?? '');
    } else if (line.startsWith('\t')) {
      attributes.set(name, `${attributes.get(name) ?? ''}${line.slice(1)}`);
    } else if (line !== '') {
      attributes.set(name, `${attributes.get(name) ?? ''}\n${line}`);
    }
  }
  return attributes;
}

function jobOf(id: string, attributes: ReadonlyMap<string, string>): PbsJob {
  const text = (name: string): string | undefined => attributes.get(name)?.trim() || undefined;
  const number = (name: string): number | undefined => {
    const value = text(name);
    return value === undefined || !/^-?\d+$/.test(value) ? undefined : Number(value);
  };
  return {
    id,
    name: text('Job_Name') ?? '',
    letter: text('job_state') ?? '',
    substate: number('substate'),
    exitStatus: number('exit_status'),
    comment: text('comment'),
    holdTypes: text('Hold_Types'),
    startedAtMs: readTime(text('start_time')),
    walltimeS: readDuration(text('Resource_List.walltime')),
    usedWalltimeS: readDuration(text('resources_used.walltime')),
  };
}

/** Why a job ended that its script did not end. */
const SYSTEM_ENDS: Readonly<Record<number, string>> = {
  [-1]: 'could not be started on its node', [-2]: 'could not be started on its node',
  [-3]: 'could not be started on its node', [-4]: 'aborted when its node\'s daemon started again',
  [-5]: 'aborted when its node\'s daemon started again', [-6]: 'aborted when its node\'s daemon started again',
  [-8]: 'its shell could not be started', [-9]: 'its output files could not be created',
  [-10]: 'it used more memory than it asked for', [-12]: 'it used more cpu time than it asked for',
  [-13]: 'its node could not set up its cgroups',
};
const WALLTIME_EXCEEDED = -11;
const SIGNALLED = 256;
const SIGTERM = 15;

export function endOf({ exitStatus, comment, startedAtMs, walltimeS, usedWalltimeS }: PbsJob): JobStatus {
  const timeout: JobStatus = { state: 'timeout', reason: 'its walltime was over' };
  if (exitStatus === undefined) {
    if (startedAtMs === undefined) return { state: 'cancelled', reason: comment ?? 'ended before it ran' };
    return { state: 'failed', reason: comment ?? 'ended without an exit status' };
  }
  if (exitStatus === WALLTIME_EXCEEDED) return timeout;
  if (exitStatus < 0) {
    const why = SYSTEM_ENDS[exitStatus] ?? 'ended by the system';
    return { state: 'failed', reason: `${why} (exit_status ${exitStatus})` };
  }
  if (exitStatus < SIGNALLED) return endOfScript(exitStatus);
  // Older versions tell the end of the walltime as the signal that was sent for it.
  const isOver = walltimeS !== undefined && usedWalltimeS !== undefined && usedWalltimeS >= walltimeS;
  if (isOver) return timeout;
  const signal = exitStatus - SIGNALLED;
  if (signal === SIGTERM) return { state: 'cancelled', reason: comment ?? `deleted (${signalName(signal)})` };
  return endOfScript(exitStatus);
}
