// When blocks only fail: a site that is broken must not be asked again and again, and whoever waits must hear of it.

import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { ComputeError } from '../../src/common/errors.ts';
import type { BlockId } from '../../src/common/protocol.ts';

/**
 * How a block ended. `unused`: taken back before it could serve, or never queued, which says nothing. `served`: a
 * manager connected, and it ended as planned or after a decent time. `crashed`: a manager connected, and it went wrong
 * soon after. `stillborn`: no manager ever connected.
 */
export type Outcome = 'unused' | 'served' | 'crashed' | 'stillborn';

/** A block that ended, and what is known of how. */
export interface Ended {
  readonly block: BlockId;
  readonly outcome: Outcome;
  readonly job?: string;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly stderrTail?: string;
  readonly stderrPath?: string;
}

/** Whether the scheduler could not be asked at all: that says nothing of what was asked for. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof ComputeError)) return false;
  // A script that could not be written because there is no way to where it should be.
  if (error.code === 'STORAGE_FAILED') return isUnreachable(error.cause);
  return error.code === 'COMMAND_FAILED' && error.details['refused'] !== true;
}

/** A manager that dies once or twice is replaced; blocks that crash this often in a row are a broken site. */
const CRASHES_MAX = 5;

/**
 * The newest unbroken row of failures in numeric order, if it is long enough to give up: as many as were asked for
 * first, or CRASHES_MAX where managers did connect. Only the newest row counts, so an old success excuses nothing.
 */
export function failedRow(ended: readonly Ended[], initBlocks: number): Ended[] | undefined {
  const telling = ended.filter(({ outcome }) => outcome !== 'unused');
  const newestFirst = telling.sort((a, b) => Number(b.block) - Number(a.block));
  const stillborn = rowOf(newestFirst, ({ outcome }) => outcome === 'stillborn');
  if (stillborn.length >= Math.max(1, initBlocks)) return stillborn;
  const failed = rowOf(newestFirst, ({ outcome }) => outcome !== 'served');
  return failed.length >= Math.max(CRASHES_MAX, initBlocks) ? failed : undefined;
}

function rowOf(newestFirst: readonly Ended[], failed: (ended: Ended) => boolean): Ended[] {
  const end = newestFirst.findIndex((one) => !failed(one));
  return newestFirst.slice(0, end < 0 ? undefined : end).reverse();
}

/** BLOCKS_FAILED: how many, how the last one ended, where to look, what to check. */
export function blocksFailed(row: readonly Ended[]): ComputeError {
  const last = row.at(-1);
  assert(last !== undefined, 'a row of failures has a last one');
  const many = row.length === 1 ? 'a block' : `${row.length} blocks in a row`;
  const when = last.outcome === 'stillborn' ? 'before a manager connected' : 'soon after managers had connected';
  const code = last.exitCode === undefined ? undefined : `exit code ${last.exitCode}`;
  const how = [code, last.reason].filter((text) => text !== undefined).join(', ') || 'nothing says why';
  const name = `block ${last.block}${last.job === undefined ? '' : ` (job ${last.job})`}`;
  const check = last.job === undefined
    ? 'check the provider\'s keys (account, queue or partition, limits) and that its commands work from this machine'
    : 'check worker_init, that Node.js and this package are there on the block\'s nodes, and that these reach this'
      + ' machine';
  const files = last.stderrPath === undefined ? '' : `; its files are in ${dirname(last.stderrPath)}`;
  const tail = last.stderrTail === undefined ? '' : `\nstderr of ${name}:\n${last.stderrTail.trimEnd()}`;
  return new ComputeError(
    'BLOCKS_FAILED', `${many} failed ${when}; ${name} ended: ${how}${files}; ${check}${tail}`,
    { details: { ...last, blocks: row.map(({ block }) => block) } },
  );
}

/** BLOCKS_FAILED, where blocks did serve but no more are asked for. */
export function noBlockLeft(ended: number): ComputeError {
  const which = ended === 1 ? 'the only one' : `all ${ended}`;
  return new ComputeError('BLOCKS_FAILED', `no block is left: ${which} ended, and the configuration`
    + ' asks for no more; set strategy to simple and max_blocks to 1 or more to have them replaced');
}
