import assert from 'node:assert/strict';
import test from 'node:test';
import { engineOf, failure, withSite } from './harness.ts';

// Reads its own binding, device and rank; both workers have to be at it at the same time.
const look = async (): Promise<{ rank?: string; cores?: string; device?: string; threads?: string }> => {
  const { readFileSync } = await import('node:fs');
  await new Promise((resolve) => { setTimeout(resolve, 200); });
  const cores = /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync('/proc/thread-self/status', 'utf8'))?.[1];
  const { PARSL_WORKER_RANK: rank, CUDA_VISIBLE_DEVICES: device, OMP_NUM_THREADS: threads } = process.env;
  return JSON.parse(JSON.stringify({ rank, cores, device, threads })) as object;
};

test('each worker is bound to cores of its own and sees one accelerator', () =>
  withSite(engineOf({ cpu_affinity: 'block', available_accelerators: 2 }), async ({ executor }) => {
    const seen = await Promise.all([executor.submit(look), executor.submit(look)]);
    assert.deepEqual(seen.toSorted((a, b) => Number(a.rank) - Number(b.rank)), [
      { rank: '0', cores: '0', device: '0', threads: '1' }, { rank: '1', cores: '1', device: '1', threads: '1' },
    ]);
  }));

test('more workers than cores to bind them to fail the block, with the numbers', () =>
  withSite(engineOf({ cpu_affinity: 'block', max_workers_per_node: 64, cores_per_worker: 0.01 }), async (site) => {
    const error = await failure('BLOCKS_FAILED', site.executor.submit(look));
    assert.match(error.message, /64 workers/);
  }));
