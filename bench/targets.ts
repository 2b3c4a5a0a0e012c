// What is worth printing about a report, in the order of the tables.

import { endpointRows, multiUserRows, serviceRows } from './endpoint-rows.ts';
import type { Spread } from './measure.ts';
import type { BenchReport } from './results.ts';
import type { Row } from './row.ts';

export const ROWS: readonly Row[] = [
  {
    group: 'Throughput', name: 'no-op tasks, 2 workers', unit: 'tasks/s', target: { least: 150_000 },
    value: (r) => r.no_op?.tasks_per_s, spread: (r) => r.no_op?.spread.tasks_per_s,
  },
  {
    group: 'Throughput', name: 'submit rate of that', unit: 'tasks/s',
    value: (r) => r.no_op?.submits_per_s, spread: (r) => r.no_op?.spread.submits_per_s,
  },
  {
    group: 'Throughput', name: 'scheduler alone, 1 manager', unit: 'tasks/s', target: { least: 200_000 },
    value: (r) => r.zero_worker?.tasks_per_s, spread: (r) => r.zero_worker?.managers[0]?.tasks_per_s,
  },
  {
    group: 'Throughput', name: 'client + interchange CPU per task', unit: 'µs', target: { most: 25 },
    value: (r) => r.zero_worker?.cpu_us_per_task,
  },
  {
    group: 'Throughput', name: 'limit: raw ZeroMQ', unit: 'tasks/s',
    value: (r) => r.limits?.zmq?.tasks_per_s, spread: (r) => r.limits?.zmq?.spread?.tasks_per_s,
  },
  {
    group: 'Throughput', name: 'limit: bare Piscina', unit: 'tasks/s',
    value: (r) => r.limits?.piscina?.tasks_per_s, spread: bestOfPiscina,
  },
  {
    group: 'Throughput', name: 'peer: Parsl HTEX, best prefetch', unit: 'tasks/s',
    value: (r) => r.peers?.parsl?.tasks_per_s,
    spread: bestOfParsl,
  },
  {
    group: 'Python', name: 'no-op tasks, 2 workers', unit: 'tasks/s',
    value: (r) => r.python?.tasks_per_s, spread: (r) => r.python?.spread.tasks_per_s,
  },
  {
    group: 'Python', name: 'peer: Parsl HTEX, best prefetch', unit: 'tasks/s',
    value: (r) => r.python?.parsl?.tasks_per_s, spread: (r) => r.python?.spread.parsl_tasks_per_s,
  },
  {
    group: 'Python', name: 'over Parsl HTEX', unit: '×', target: { least: 8 },
    value: (r) => r.ratios?.python_to_parsl,
  },
  { group: 'Python', name: 'p50', unit: 'ms', value: (r) => r.python?.p50_ms },
  { group: 'Python', name: 'p99', unit: 'ms', value: (r) => r.python?.p99_ms },
  { group: 'Python', name: 'peer: Parsl HTEX p50', unit: 'ms', value: (r) => r.python?.parsl?.p50_ms },
  { group: 'Python', name: 'engine to first result', unit: 's', value: (r) => r.python?.first_result_s },
  { group: 'Latency', name: 'p50', unit: 'ms', value: (r) => r.latency?.p50_ms },
  { group: 'Latency', name: 'p90', unit: 'ms', value: (r) => r.latency?.p90_ms },
  { group: 'Latency', name: 'p99', unit: 'ms', value: (r) => r.latency?.p99_ms },
  { group: 'Latency', name: 'max', unit: 'ms', value: (r) => r.latency?.max_ms },
  { group: 'Latency', name: 'limit: raw ZeroMQ p50', unit: 'ms', value: (r) => r.limits?.zmq?.p50_ms },
  { group: 'Latency', name: 'limit: raw ZeroMQ p99', unit: 'ms', value: (r) => r.limits?.zmq?.p99_ms },
  { group: 'Latency', name: 'peer: Parsl HTEX p50', unit: 'ms', value: (r) => r.peers?.parsl?.p50_ms },
  { group: 'Latency', name: 'peer: Parsl HTEX p99', unit: 'ms', value: (r) => r.peers?.parsl?.p99_ms },
  {
    group: 'Payload', name: '10 MiB argument and result', unit: 'MB/s',
    value: (r) => r.payload?.mb_per_s, spread: (r) => r.payload?.spread.mb_per_s,
  },
  {
    group: 'Payload', name: 'limit: raw ZeroMQ, one frame', unit: 'MB/s',
    value: (r) => r.limits?.zmq?.mb_per_s,
  },
  {
    group: 'Payload', name: 'limit: raw ZeroMQ, 256 KiB frames', unit: 'MB/s',
    value: (r) => r.limits?.zmq?.mb_per_s_split, spread: (r) => r.limits?.zmq?.spread?.mb_per_s_split,
  },
  {
    group: 'Scale-out', name: 'many managers over one', unit: '×', target: { least: 0.75 },
    value: (r) => r.scale_out?.ratio,
  },
  {
    group: 'Scale-out', name: 'with all managers', unit: 'tasks/s',
    value: (r) => r.scale_out?.tasks_per_s, spread: (r) => r.scale_out?.spread.tasks_per_s,
  },
  {
    group: 'Scale-out', name: 'with one manager', unit: 'tasks/s',
    value: (r) => r.scale_out?.one_manager_tasks_per_s, spread: (r) => r.scale_out?.spread.one_manager_tasks_per_s,
  },
  {
    group: 'Scale-out', name: 'interchange CPU per task, all managers', unit: 'µs',
    value: (r) => r.scale_out?.interchange_cpu_us_per_task,
  },
  {
    group: 'Scale-out', name: 'interchange CPU per task, one manager', unit: 'µs',
    value: (r) => r.scale_out?.one_manager_interchange_cpu_us_per_task,
  },
  { group: 'Scale-out', name: 'all managers joined after', unit: 's', value: (r) => r.scale_out?.join_s },
  { group: 'Scale-out', name: 'interchange memory', unit: 'MiB', value: (r) => r.scale_out?.interchange_mib },
  {
    group: 'Memory', name: 'manager with 64 idle workers', unit: 'MiB', target: { most: 1024 },
    value: (r) => r.memory?.idle_64_workers_mib,
  },
  { group: 'Memory', name: 'of that per worker', unit: 'MiB', value: (r) => r.memory?.per_worker_mib },
  {
    group: 'Memory', name: 'idle client + interchange', unit: 'MiB', target: { most: 80 },
    value: (r) => r.memory?.idle_engine_mib,
  },
  {
    group: 'Memory', name: 'idle CPU of those', unit: 'ms per s', target: { most: 2 },
    value: (r) => r.memory?.idle_cpu_ms_per_s,
  },
  {
    group: 'Memory', name: 'largest process, 1,000,000 tasks pending', unit: 'MiB', target: { most: 1024 },
    value: (r) => r.memory?.pending_1m_mib,
  },
  {
    group: 'Start', name: 'fresh process to first result', unit: 's', target: { most: 1 },
    value: (r) => r.cold_start_s, spread: (r) => r.cold_start,
  },
  {
    group: 'Start', name: 'peer: Parsl HTEX', unit: 's',
    value: (r) => r.peers?.parsl?.cold_start_s, spread: (r) => r.peers?.parsl?.cold_start,
  },
  {
    group: 'Slurm', name: 'fresh process to first result', unit: 's', target: { most: 3 },
    value: (r) => r.slurm?.first_result_s, spread: (r) => r.slurm?.spread.first_result_s,
  },
  {
    group: 'Slurm', name: 'peer: Parsl HTEX', unit: 's',
    value: (r) => r.slurm?.parsl_first_result_s, spread: (r) => r.slurm?.spread.parsl_first_result_s,
  },
  {
    group: 'Slurm', name: 'first task to first sbatch', unit: 'ms', target: { most: 100 },
    value: (r) => r.slurm?.first_block_submitted_ms, spread: (r) => r.slurm?.spread.first_block_submitted_ms,
  },
  {
    group: 'Slurm', name: 'own time of a look at 500 jobs', unit: 'ms', target: { most: 50 },
    value: (r) => r.slurm?.watch_500_ms, spread: (r) => r.slurm?.spread.watch_500_ms,
  },
  {
    group: 'Slurm', name: 'commands of a look at 500 jobs', unit: 'commands', target: { most: 1 },
    value: (r) => r.slurm?.watch_500_commands,
  },
  ...serviceRows('embedded database', (r) => r.service?.embedded),
  ...serviceRows('PostgreSQL', (r) => r.service?.postgres),
  ...endpointRows('limit: an endpoint that runs nothing', (r) => r.endpoint?.limit),
  ...endpointRows('ours, 2 workers', (r) => r.endpoint?.ours),
  ...endpointRows("peer: the field's agent, 2 workers", (r) => r.endpoint?.agent),
  {
    group: 'Endpoint over the agent', name: 'no-op tasks that wait', unit: '×', target: { least: 5 },
    value: (r) => r.ratios?.endpoint_to_agent,
  },
  {
    group: 'Endpoint over the agent', name: 'with their submission, 1,000 a request', unit: '×',
    value: (r) => r.ratios?.endpoint_submitted_to_agent,
  },
  {
    group: 'Endpoint over the agent', name: 'with their submission, 128 a request', unit: '×',
    value: (r) => r.ratios?.endpoint_default_to_agent,
  },
  {
    group: 'Endpoint over the agent', name: 'result message p50', unit: '×', target: { most: 0.5 },
    value: (r) => r.ratios?.endpoint_p50_to_agent,
  },
  {
    group: 'Endpoint over the agent', name: 'stopped to first result', unit: '×', target: { most: 0.5 },
    value: (r) => r.ratios?.endpoint_first_result_to_agent,
  },
  ...multiUserRows(),
  { group: 'Node-hours', name: 'a simulated day', unit: 'h', value: (r) => r.node_hours?.ours.node_hours },
  { group: 'Node-hours', name: 'the least that is possible', unit: 'h', value: (r) => r.node_hours?.least },
  {
    group: 'Node-hours', name: 'ours over the least', unit: '×', target: { most: 1.1 },
    value: (r) => r.node_hours?.ratio_to_least,
  },
  {
    group: 'Node-hours', name: 'Parsl simple over ours', unit: '×', target: { least: 1 },
    value: (r) => r.node_hours && r.node_hours.parsl_simple.node_hours / r.node_hours.ours.node_hours,
  },
  {
    group: 'Node-hours', name: 'Parsl htex_auto_scale over ours', unit: '×', target: { least: 1 },
    value: (r) => r.node_hours && r.node_hours.parsl_htex_auto_scale.node_hours / r.node_hours.ours.node_hours,
  },
  {
    group: 'Node-hours', name: 'completion, Parsl simple over ours', unit: '×', target: { least: 0.99 },
    value: (r) => r.node_hours && r.node_hours.parsl_simple.completion_h / r.node_hours.ours.completion_h,
  },
  {
    group: 'Ratios', name: 'no-op throughput over Parsl HTEX', unit: '×', target: { least: 80 },
    value: (r) => r.ratios?.no_op_to_parsl,
  },
  { group: 'Ratios', name: 'no-op throughput over Piscina', unit: '×', value: (r) => r.ratios?.no_op_to_piscina },
  {
    group: 'Ratios', name: 'latency p50 over raw ZeroMQ', unit: '×', target: { most: 1.6 },
    value: (r) => r.ratios?.latency_p50_to_zmq,
  },
  { group: 'Ratios', name: 'latency p99 over raw ZeroMQ', unit: '×', value: (r) => r.ratios?.latency_p99_to_zmq },
  {
    group: 'Ratios', name: 'latency p99 over p50', unit: '×', target: { most: 5 },
    value: (r) => r.ratios?.latency_p99_to_p50,
  },
  {
    group: 'Ratios', name: 'Parsl HTEX latency p50 over ours', unit: '×', target: { least: 2 },
    value: (r) => r.ratios?.parsl_latency_p50_to_ours,
  },
  {
    group: 'Ratios', name: 'Parsl HTEX cold start over ours', unit: '×',
    value: (r) => r.ratios?.parsl_cold_start_to_ours,
  },
  {
    group: 'Ratios', name: 'Parsl HTEX first result on Slurm over ours', unit: '×', target: { least: 2 },
    value: (r) => r.ratios?.parsl_slurm_first_result_to_ours,
  },
  {
    group: 'Ratios', name: 'payload over raw ZeroMQ', unit: '×', target: { least: 0.5 },
    value: (r) => r.ratios?.payload_to_zmq,
  },
  { group: 'Ratios', name: 'scheduler alone over raw ZeroMQ', unit: '×', value: (r) => r.ratios?.zero_worker_to_zmq },
];

function bestOfPiscina({ limits }: BenchReport): Spread | undefined {
  const best = limits?.piscina?.tasks_per_s;
  return limits?.piscina?.settings.find(({ tasks_per_s }) => tasks_per_s.median === best)?.tasks_per_s;
}

function bestOfParsl({ peers }: BenchReport): Spread | undefined {
  return peers?.parsl?.throughput.find(({ prefetch }) => prefetch === peers.parsl?.best_prefetch)?.tasks_per_s;
}
