// Blocks that processes of an endpoint have left behind, which were killed: with a scheduler or on this machine.

import { join } from 'node:path';
import { endLeftBlocks } from '../../engine/runs.ts';
import type { Clock } from '../common/clock.ts';
import { EXIT_UNAVAILABLE } from '../common/shutdown.ts';
import type { EndpointFolder } from './endpoint-directory.ts';
import { refusedWith } from './failure.ts';
import { several } from './words.ts';

/** Until a scheduler has ended what it was told to end. */
const END_MS = 60_000;

/** Ends them all; how many there were. Throws where one of them stays. */
export async function endBlocksOf({ name, path }: EndpointFolder, clock: Clock): Promise<number> {
  const runs = join(path, 'runs');
  const { ended, left, problem } = await endLeftBlocks(runs, clock, END_MS);
  if (left.length === 0) return ended.length;
  const why = problem === undefined ? 'the scheduler has them still' : `the scheduler could not be asked: ${problem}`;
  throw refusedWith(EXIT_UNAVAILABLE, `Endpoint ${name} does not run any more, but ${several(left.length, 'block')}`
    + ` that it had left could not be ended within ${END_MS / 1000} s (${why}). Run switchyard endpoint stop ${name}`
    + ` again; switchyard blocks --run-directory ${runs} lists them`);
}
