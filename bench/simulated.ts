// An engine whose managers are simulated: many in one process, with their real protocol and without threads.

import { Executor } from '../src/sdk/index.ts';
import { until } from './measure.ts';

export interface Simulation extends AsyncDisposable {
  readonly executor: Executor;
  /** From the start of the engine until the last manager had joined. */
  readonly joinS: number;
}

const JOIN_TIMEOUT_MS = 120_000;

export async function openSimulated(managers: number, workers: number, signal: AbortSignal): Promise<Simulation> {
  const start = performance.now();
  const executor = new Executor({
    engine: {
      type: 'GlobusComputeEngine',
      max_workers_per_node: workers,
      simulated_managers: managers,
      provider: { type: 'LocalProvider', init_blocks: 1, min_blocks: 1, max_blocks: 1 },
    },
    logLevel: 'silent',
  });
  try {
    await executor.start();
    await until(`${managers} simulated managers to join`, JOIN_TIMEOUT_MS, signal,
      () => executor.status().managers.length >= managers);
  } catch (error) {
    await executor.close('cancel');
    throw error;
  }
  return {
    executor,
    joinS: (performance.now() - start) / 1000,
    [Symbol.asyncDispose]: () => executor.close('cancel'),
  };
}
