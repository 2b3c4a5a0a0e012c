// The claims: one figure over another of the same run.

import type { BenchReport, Ratios } from './results.ts';

type Figures = Omit<BenchReport, 'ratios'>;

/** Only those whose both sides were measured. */
export function ratiosOf(figures: Figures): Ratios {
  const { no_op, latency, payload, zero_worker, limits, peers, cold_start_s, slurm, python } = figures;
  const { ours, agent } = figures.endpoint ?? {};
  const user = figures.multi_user?.first_result_s;
  const all: { [Name in keyof Ratios]-?: number | undefined } = {
    python_to_parsl: over(python?.tasks_per_s, python?.parsl?.tasks_per_s),
    parsl_python_latency_p50_to_ours: over(python?.parsl?.p50_ms, python?.p50_ms),
    no_op_to_parsl: over(no_op?.tasks_per_s, peers?.parsl?.tasks_per_s),
    no_op_to_piscina: over(no_op?.tasks_per_s, limits?.piscina?.tasks_per_s),
    latency_p50_to_zmq: over(latency?.p50_ms, limits?.zmq?.p50_ms),
    latency_p99_to_zmq: over(latency?.p99_ms, limits?.zmq?.p99_ms),
    latency_p99_to_p50: over(latency?.p99_ms, latency?.p50_ms),
    parsl_latency_p50_to_ours: over(peers?.parsl?.p50_ms, latency?.p50_ms),
    parsl_cold_start_to_ours: over(peers?.parsl?.cold_start_s, cold_start_s),
    parsl_slurm_first_result_to_ours: over(slurm?.parsl_first_result_s, slurm?.first_result_s),
    payload_to_zmq: over(payload?.mb_per_s, limits?.zmq?.mb_per_s),
    zero_worker_to_zmq: over(zero_worker?.tasks_per_s, limits?.zmq?.tasks_per_s),
    endpoint_to_agent: over(ours?.tasks_per_s?.median, agent?.tasks_per_s?.median),
    endpoint_submitted_to_agent: over(ours?.submitted_per_s.median, agent?.submitted_per_s.median),
    endpoint_default_to_agent: over(ours?.default_submitted_per_s.median, agent?.default_submitted_per_s.median),
    endpoint_p50_to_agent: over(ours?.p50_ms, agent?.p50_ms),
    endpoint_first_result_to_agent: over(ours?.first_result_s.median, agent?.first_result_s.median),
    user_endpoint_first_result_to_agent: over(user?.ours.median, user?.agent?.median),
  };
  return Object.fromEntries(Object.entries(all).filter(([, ratio]) => ratio !== undefined));
}

function over(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}
