// The claims: one figure over another of the same run.

import type { BenchReport } from './results.ts';

export interface Ratios {
  /** No-op throughput over the peer's at its best setting. */
  readonly no_op_to_parsl?: number;
  readonly no_op_to_piscina?: number;
  /** Smaller is better: our latency over the raw path's. */
  readonly latency_p50_to_zmq?: number;
  readonly latency_p99_to_zmq?: number;
  readonly latency_p99_to_p50?: number;
  /** Larger is better: the peer's latency over ours. */
  readonly parsl_latency_p50_to_ours?: number;
  readonly parsl_cold_start_to_ours?: number;
  readonly payload_to_zmq?: number;
  readonly zero_worker_to_zmq?: number;
}

type Figures = Omit<BenchReport, 'ratios'>;

/** Only those whose both sides were measured. */
export function ratiosOf({ no_op, latency, payload, zero_worker, limits, peers, cold_start_s }: Figures): Ratios {
  const all: { [Name in keyof Ratios]-?: number | undefined } = {
    no_op_to_parsl: over(no_op?.tasks_per_s, peers?.parsl?.tasks_per_s),
    no_op_to_piscina: over(no_op?.tasks_per_s, limits?.piscina?.tasks_per_s),
    latency_p50_to_zmq: over(latency?.p50_ms, limits?.zmq?.p50_ms),
    latency_p99_to_zmq: over(latency?.p99_ms, limits?.zmq?.p99_ms),
    latency_p99_to_p50: over(latency?.p99_ms, latency?.p50_ms),
    parsl_latency_p50_to_ours: over(peers?.parsl?.p50_ms, latency?.p50_ms),
    parsl_cold_start_to_ours: over(peers?.parsl?.cold_start_s, cold_start_s),
    payload_to_zmq: over(payload?.mb_per_s, limits?.zmq?.mb_per_s),
    zero_worker_to_zmq: over(zero_worker?.tasks_per_s, limits?.zmq?.tasks_per_s),
  };
  return Object.fromEntries(Object.entries(all).filter(([, ratio]) => ratio !== undefined));
}

function over(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}
