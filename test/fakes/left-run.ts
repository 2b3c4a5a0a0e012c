// The folder of a run as a process has left it that was killed.

import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { encodeLine, type RecordLine } from '../../engine/blocks/records.ts';
import { parseEngineConfig, type EngineConfig } from '../../engine/config.ts';
import type { Holder } from '../../src/common/holder.ts';
import type { BlockId } from '../../src/common/protocol.ts';
import type { Job } from '../../providers/provider.ts';

export const GONE: Holder = { host: hostname(), pid: 2, started: 'never' };

interface LeftRun {
  readonly name: string;
  /** Default: one of Slurm. */
  readonly config?: EngineConfig;
  readonly resumeAs?: string;
  readonly startedAtMs?: number;
}

export async function leaveRun(
  directory: string, { name, config = onSlurm, resumeAs, startedAtMs = Date.now() }: LeftRun,
  lines: readonly RecordLine[],
): Promise<void> {
  await mkdir(join(directory, name), { recursive: true });
  const header = { version: 1, label: 'l', startedAtMs, resumeAs: resumeAs ?? null, config };
  const text = [{ type: 'run', header } as const, ...lines].map(encodeLine).join('');
  await writeFile(join(directory, name, 'run.jsonl'), text);
}

export function owner(holder = GONE): RecordLine {
  return { type: 'owner', holder, atMs: 0 };
}

export const intended = {
  type: 'intended', block: '0' as BlockId, name: 'b', folder: '/nowhere', atMs: 0,
} as const satisfies RecordLine;

export function submitted(job: Partial<Job>): RecordLine {
  const { id = '17', name = 'b', submittedAtMs = 0, stdoutPath = '/o', stderrPath = '/e' } = job;
  return { type: 'submitted', block: '0' as BlockId, job: { id, name, submittedAtMs, stdoutPath, stderrPath } };
}

const onSlurm = parseEngineConfig({ provider: { type: 'SlurmProvider' } });
