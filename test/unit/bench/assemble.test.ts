import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spread } from '../../../bench/measure.ts';
import { ratiosOf } from '../../../bench/ratios.ts';
import { assemble } from '../../../bench/run.ts';
import { FULL, HEAD } from './reports.ts';

test('the raw path\'s figures of alternating rounds replace those measured alone, and only those', () => {
  const report = assemble(HEAD, [
    { limits: FULL.limits },
    { latency: FULL.latency, limits: { zmq: { p50_ms: 0.25, p99_ms: 0.5 } } },
  ], []);
  const { piscina, zmq } = FULL.limits;
  assert.deepEqual(report.limits, { piscina, zmq: { ...zmq, p50_ms: 0.25, p99_ms: 0.5 } });
  assert.equal(report.ratios?.latency_p50_to_zmq, 0.4 / 0.25);
});

test('a report names the sections that failed, and only then has failures', () => {
  const failures = [{ section: 'memory', message: 'no manager is connected' }];
  assert.deepEqual(assemble(HEAD, [], failures), { ...HEAD, ratios: {}, failures });
  assert.equal('failures' in assemble(HEAD, [], []), false);
});

test('a part without limits adds none', () => {
  assert.equal('limits' in assemble(HEAD, [{ cold_start_s: 1 }], []), false);
});

test('a ratio is there when both its sides are', () => {
  assert.deepEqual(ratiosOf({ ...HEAD, no_op: FULL.no_op, peers: FULL.peers }), { no_op_to_parsl: 80 });
  assert.deepEqual(ratiosOf(FULL), {
    no_op_to_parsl: 80,
    no_op_to_piscina: 4,
    latency_p50_to_zmq: 2,
    latency_p99_to_zmq: 1.2 / 0.4,
    latency_p99_to_p50: 1.2 / 0.4,
    parsl_latency_p50_to_ours: 1.2 / 0.4,
    parsl_cold_start_to_ours: 2.4 / 0.8,
    parsl_slurm_first_result_to_ours: 3,
    payload_to_zmq: 0.6,
    zero_worker_to_zmq: 0.6,
    user_endpoint_first_result_to_agent: 1.5 / 12,
  });
});

test('our endpoint is set over the agent, where that was measured', () => {
  const figures = (tasksPerS: number, p50: number, firstS: number) => ({
    tasks_per_s: spread([tasksPerS]), submitted_per_s: spread([tasksPerS / 2]),
    default_submitted_per_s: spread([tasksPerS / 2 + 50]), tasks: 5000,
    p50_ms: p50, p99_ms: p50, future_p50_ms: 500, sdk_cpu_us_per_task: 250, first_result_s: spread([firstS]),
  });
  const endpoint = { limit: figures(2000, 5, 0), ours: figures(1500, 10, 2) };
  assert.deepEqual(ratiosOf({ ...HEAD, endpoint }), {});
  const agent = { ...figures(300, 40, 16), version: '4' };
  assert.deepEqual(ratiosOf({ ...HEAD, endpoint: { ...endpoint, agent } }), {
    endpoint_to_agent: 5, endpoint_submitted_to_agent: 5, endpoint_default_to_agent: 4, endpoint_p50_to_agent: 0.25,
    endpoint_first_result_to_agent: 0.125,
  });
});
