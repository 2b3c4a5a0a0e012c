// An engine whose managers are simulated: many in one process, with their real protocol and without threads.

import { openWith, type RunningEngine } from './engine.ts';
import type { Effort } from './section.ts';

export function openSimulated(managers: number, workers: number, effort: Effort): Promise<RunningEngine> {
  const engine = {
    type: 'GlobusComputeEngine',
    max_workers_per_node: workers,
    simulated_managers: managers,
    provider: { type: 'LocalProvider', init_blocks: 1, min_blocks: 1, max_blocks: 1 },
  };
  return openWith(engine, managers, effort);
}
