// All runs of a user, for people: what blocks there are, which of them have nobody any more, and an end to those. And
// folders of runs that are over do not pile up.

import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Clock } from '../src/common/clock.ts';
import { openBlocks } from './blocks/records.ts';
import type { EngineConfig } from './config.ts';
import { claimRun, cleanRun, surveyRun, type Cleaned, type RunSurvey } from './run-blocks.ts';
import { findRuns, ownerOf, type FoundRun } from './run-file.ts';
import { DEFAULT_DIRECTORY } from './run.ts';

export type { BlockSurvey, Cleaned, RunSurvey } from './run-blocks.ts';

/** Folders of runs that are over: so many are kept, and none longer than so. */
const KEPT_MAX = 100;
const KEPT_MS = 30 * 86_400_000;

export function directoryOfRuns(directory: string | undefined): string {
  return resolve(directory ?? DEFAULT_DIRECTORY);
}

/** Every run that lives, or has blocks that its scheduler may still have. The oldest first. */
export async function surveyRuns(directory: string, clock: Clock): Promise<RunSurvey[]> {
  const runs = (await findRuns(directory)).filter((run) => !isOver(run));
  return Promise.all(runs.map((run) => surveyRun(run, clock)));
}

/** Ends the blocks of a run that has nobody any more; undefined when somebody has it after all. */
export async function endRun({ run }: RunSurvey, clock: Clock, waitMs: number): Promise<Cleaned | undefined> {
  const claimed = await claimRun(run);
  return claimed === undefined ? undefined : cleanRun(claimed, clock, waitMs);
}

/** Ends the blocks of all runs in a directory that have nobody any more, on this machine, too. */
export async function endLeftBlocks(directory: string, clock: Clock, waitMs: number): Promise<Cleaned> {
  const left = (await findRuns(directory)).filter(({ record }) =>
    !record.closed && ownerOf(record) === undefined && openBlocks(record.blocks).length > 0);
  const cleaned = await Promise.all(left.map(async (run): Promise<Cleaned> => {
    const survey = await surveyRun(run, clock);
    const { ended, ...rest } = await endRun(survey, clock, waitMs) ?? { ended: [], left: [] };
    // Without those that had ended long before, which nobody had noted.
    const ran = new Set(survey.blocks.flatMap(({ record, ended: over }) => (over ? [] : [record.block])));
    return { ...rest, ended: ended.filter(({ block }) => ran.has(block)) };
  }));
  const problem = cleaned.find((one) => one.problem !== undefined)?.problem;
  return {
    ended: cleaned.flatMap((one) => one.ended), left: cleaned.flatMap((one) => one.left),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** Removes folders of runs that are over, the oldest first. What cannot be removed stays. */
export async function pruneRuns(directory: string, now: number): Promise<void> {
  const over = (await findRuns(directory)).filter(isOver);
  const old = over.filter(({ record }, i) =>
    i < over.length - KEPT_MAX || now - record.header.startedAtMs > KEPT_MS);
  for (const { folder } of old) {
    await rm(folder, { recursive: true, force: true }).catch(() => { /* somebody looks at it: another time */ });
  }
}

/** Nobody has it, and it has nothing. Blocks of this machine end with their engine, noted or not. */
function isOver({ record }: FoundRun): boolean {
  if (record.closed) return true;
  if (ownerOf(record) !== undefined) return false;
  // Written by the run's engine, which had checked it.
  const { provider } = record.header.config as EngineConfig;
  return provider.type === 'LocalProvider' || openBlocks(record.blocks).length === 0;
}
