// An engine whose one block holds many simulated managers instead of a real one. Nothing in the engine knows of it: the
// block's own shell text starts them in the manager's place, with the file that was written for the manager.

import { fileURLToPath } from 'node:url';
import { quoteAll } from '../src/common/quote.ts';
import { openWith, type RunningEngine } from './engine.ts';
import type { Effort } from './effort.ts';

const MAIN = fileURLToPath(new URL('./simulate/main.js', import.meta.url));

export function openSimulated(managers: number, workers: number, effort: Effort): Promise<RunningEngine> {
  const engine = {
    type: 'GlobusComputeEngine',
    provider: {
      type: 'LocalProvider', init_blocks: 1, min_blocks: 1, max_blocks: 1,
      worker_init: `exec ${quoteAll([process.execPath, MAIN])} "$(dirname "$0")/manager.json" ${managers} ${workers}`,
    },
  };
  return openWith(engine, managers, effort);
}
