// Reports for the tests: one with nothing in it, one with every part.

import type { Spread } from '../../../bench/measure.ts';
import type { BenchReport } from '../../../bench/results.ts';

export const HEAD = {
  report: 1, date: '2026-01-02T03:04:05.000Z', version: '1.2.3', quick: false, encryption: true,
  machine: {
    cpu: 'Test <CPU> & co', cores: 2, memory_gib: 8, os: 'Testix, kernel 1', node: '20.0.0', load_before: 0.1,
    load_after: 0.5, versions: { zeromq: '6.0.0' },
  },
} as const satisfies BenchReport;

const around = (median: number): Spread => ({ min: median * 0.9, median, max: median * 1.1, samples: [median] });

export const FULL = {
  ...HEAD,
  limits: {
    zmq: { p50_ms: 0.2, p90_ms: 0.3, p99_ms: 0.4, tasks_per_s: 500_000, mb_per_s: 200, mb_per_s_split: 250 },
    piscina: {
      tasks_per_s: 40_000, atomics: 'async', tasks_per_thread: 8,
      settings: [{ atomics: 'async', tasks_per_thread: 8, tasks_per_s: around(40_000) }],
    },
  },
  no_op: {
    tasks_per_s: 160_000, submits_per_s: 300_000, tasks: 1_000_000, workers: 2,
    spread: { tasks_per_s: around(160_000), submits_per_s: around(300_000) },
  },
  latency: {
    p50_ms: 0.4, p90_ms: 0.5, p99_ms: 1.2, max_ms: 9, samples: 2000,
    hops: [{ name: 'client → interchange', p50_us: 100, p99_us: 200 }, { name: 'run', p50_us: 0, p99_us: 5 }],
  },
  payload: {
    mb_per_s: 120, in_flight: 2, spread: { mb_per_s: around(120) },
    sizes: [
      { bytes: 10 * 2 ** 20, p50_ms: 90, p99_ms: 99, mb_per_s: 110 },
      { bytes: 0, p50_ms: 0.4, p99_ms: 1, mb_per_s: 0 },
    ],
  },
  zero_worker: {
    tasks_per_s: 300_000, cpu_us_per_task: 6, tasks: 1_000_000,
    managers: [1, 2].map((managers) => ({
      managers, tasks_per_s: around(300_000), client_cpu_us_per_task: 4, interchange_cpu_us_per_task: 2,
    })),
  },
  throughput: [{ workers: 1, payload_bytes: 100_000, tasks: 10, tasks_per_s: 1234, mb_per_s: 50 }],
  scale_out: {
    ratio: 0.9, managers: 2048, workers_per_manager: 32, tasks_per_s: 270_000, one_manager_tasks_per_s: 300_000,
    interchange_cpu_us_per_task: 3, one_manager_interchange_cpu_us_per_task: 2, join_s: 3, interchange_mib: 90,
    spread: { tasks_per_s: around(270_000), one_manager_tasks_per_s: around(300_000) },
  },
  memory: {
    idle_64_workers_mib: 320, per_worker_mib: 5, threads: 75, idle_engine_mib: 70, idle_client_mib: 40,
    idle_interchange_mib: 30, idle_cpu_ms_per_s: 1.5, pending_1m_mib: 700, pending_tasks: 1_000_000,
    pending_by_process_mib: { client: 700, interchange: 200, manager: 50 },
  },
  cold_start_s: 0.8,
  cold_start: around(0.8),
  slurm: {
    first_result_s: 1, parsl_first_result_s: 3, first_block_submitted_ms: 25, watch_500_ms: 6, watch_500_commands: 1,
    spread: {
      first_result_s: around(1), parsl_first_result_s: around(3), first_block_submitted_ms: around(25),
      watch_500_ms: around(6),
    },
  },
  multi_user: {
    first_result_s: { ours: around(1.5), agent: around(12) },
    crowd: {
      users: 50, lost: 0, last_result_s: 30, supervisor_rss_mib: 60, supervisor_pss_mib: 20,
      supervisor_cpu_percent: 0.1, user_endpoint_mib: 40,
    },
  },
  peers: {
    parsl: {
      version: '2026.1.1', python: '3.11.2', tasks_per_s: 2000, best_prefetch: 10, tasks: 10_000,
      throughput: [{ prefetch: 0, tasks_per_s: around(1500) }, { prefetch: 10, tasks_per_s: around(2000) }],
      p50_ms: 1.2, p90_ms: 1.5, p99_ms: 2, cold_start_s: 2.4, cold_start: around(2.4),
    },
  },
} as const satisfies BenchReport;
