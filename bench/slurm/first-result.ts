// From the start of a program to its first result, where the node has to be asked for first.

import { ensureEnvironment, type Environment } from '../peers/python.ts';
import { firstResultOnSlurm, PARSL } from '../peers/parsl.ts';
import { FreshClient } from '../fresh-client.ts';
import { spread } from '../measure.ts';
import { readRun } from '../../engine/run-file.ts';
import type { Effort } from '../effort.ts';
import type { Slurm } from '../results.ts';
import { onlyThese, ownJobs, slurmKeys } from './site.ts';

type Figures = Pick<Slurm, 'first_result_s' | 'first_block_submitted_ms' | 'parsl_first_result_s'>;
type Spreads = Pick<Slurm['spread'], keyof Figures>;

interface Round {
  readonly seconds: number;
  readonly submittedMs: number;
}

/** In rounds of ours and the peer's, so that whatever else the cluster does hits both alike. */
export async function firstResults(effort: Effort): Promise<Figures & { readonly spread: Spreads }> {
  const { peer, progress, python, quick, signal } = effort;
  const rounds = quick ? 2 : 7;
  const parsl = peer === undefined ? undefined : await ensureEnvironment(PARSL, python, effort);
  const before = await ownJobs(signal);
  const ours: Round[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted();
    progress(`fresh process to first result, round ${round + 1} of ${rounds}`);
    ours.push(await measureOurs(effort));
    await onlyThese(before, signal);
    if (parsl === undefined) continue;
    progress(`the same with Parsl, round ${round + 1} of ${rounds}`);
    theirs.push(await measureParsl(parsl, effort));
    await onlyThese(before, signal);
  }
  const seconds = spread(ours.map((round) => round.seconds));
  const submitted = spread(ours.map((round) => round.submittedMs));
  const peers = theirs.length === 0 ? undefined : spread(theirs);
  return {
    first_result_s: seconds.median,
    first_block_submitted_ms: submitted.median,
    ...(peers === undefined ? {} : { parsl_first_result_s: peers.median }),
    spread: {
      first_result_s: seconds,
      first_block_submitted_ms: submitted,
      ...(peers === undefined ? {} : { parsl_first_result_s: peers }),
    },
  };
}

async function measureOurs(effort: Effort): Promise<Round> {
  const provider = {
    ...slurmKeys(effort.partition), type: 'SlurmProvider', init_blocks: 1, min_blocks: 0, max_blocks: 1,
    launcher: { type: 'SrunLauncher' },
  };
  await using client = await FreshClient.start(effort, provider);
  const { folder, submitCalledAtMs } = client.first;
  const job = (await readRun(folder))?.blocks[0]?.job;
  if (job === undefined) throw new Error(`the run in ${folder} has not noted its block`);
  return { seconds: client.seconds, submittedMs: job.submittedAtMs - submitCalledAtMs };
}

async function measureParsl(environment: Environment, effort: Effort): Promise<number> {
  const start = performance.now();
  return (await firstResultOnSlurm(environment, slurmKeys(effort.partition), effort) - start) / 1000;
}
