import { readFile } from 'node:fs/promises';
import type { Clock } from '../../src/common/clock.ts';
import { ComputeError } from '../../src/common/errors.ts';
import type { ManagerConfig } from '../../src/common/process-config.ts';

/** An interchange starts within moments, or its engine is gone. */
const WAIT_MAX_MS = 10_000;
const LOOK_MS = 20;

/**
 * The manager's file: one line, which the engine writes when its interchange listens. That may be after the block has
 * started, and until then the file is empty.
 */
export async function readConfig(path: string, clock: Clock): Promise<ManagerConfig> {
  for (const endMs = clock.now() + WAIT_MAX_MS; ;) {
    const text = await readFile(path, 'utf8');
    if (text.endsWith('\n')) return JSON.parse(text) as ManagerConfig; // written by the engine
    if (clock.now() >= endMs) {
      throw new ComputeError('START_FAILED',
        `${path} was not completed within ${WAIT_MAX_MS / 1000} s: the engine's interchange did not start`);
    }
    await clock.sleep(LOOK_MS);
  }
}
