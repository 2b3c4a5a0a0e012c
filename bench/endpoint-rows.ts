// Rows about endpoints, and the service before them.

import type { EndpointFigures } from './endpoint/measure.ts';
import type { BenchReport, ServiceFigures } from './results.ts';
import type { Row } from './row.ts';

export function serviceRows(database: string, of: (report: BenchReport) => ServiceFigures | undefined): Row[] {
  const group = `Through the service, ${database}`;
  return [
    {
      group, name: 'no-op tasks, 2 workers', unit: 'tasks/s', target: { least: 5_000 },
      value: (r) => of(r)?.tasks_per_s, spread: (r) => of(r)?.spread.tasks_per_s,
    },
    {
      group, name: 'client CPU per task', unit: 'µs', target: { most: 40 },
      value: (r) => of(r)?.client_cpu_us_per_task,
    },
    { group, name: 'one at a time, p50', unit: 'ms', value: (r) => of(r)?.latency.p50_ms },
    { group, name: 'one at a time, p99', unit: 'ms', value: (r) => of(r)?.latency.p99_ms },
    { group, name: 'limit: broker round trip, p50', unit: 'ms', value: (r) => of(r)?.round_trip.p50_ms },
    {
      group, name: 'p50 over the broker round trip’s', unit: '×', target: { most: 4 },
      value: (r) => ratio(of(r)?.latency.p50_ms, of(r)?.round_trip.p50_ms),
    },
    { group, name: 'one right after another, p50', unit: 'ms', value: (r) => of(r)?.in_a_row.latency.p50_ms },
    {
      group, name: 'over the broker round trip’s, one right after another', unit: '×',
      value: (r) => ratio(of(r)?.in_a_row.latency.p50_ms, of(r)?.in_a_row.round_trip.p50_ms),
    },
  ];
}

export function endpointRows(
  whose: string, of: (report: BenchReport) => EndpointFigures | undefined,
): Row[] {
  const group = `Endpoint: ${whose}`;
  return [
    {
      group, name: 'no-op tasks that wait', unit: 'tasks/s',
      value: (r) => of(r)?.tasks_per_s?.median, spread: (r) => of(r)?.tasks_per_s,
    },
    {
      group, name: 'with their submission, 1,000 a request', unit: 'tasks/s',
      value: (r) => of(r)?.submitted_per_s.median, spread: (r) => of(r)?.submitted_per_s,
    },
    {
      group, name: "with their submission, 128 a request, the SDK's default", unit: 'tasks/s',
      value: (r) => of(r)?.default_submitted_per_s.median, spread: (r) => of(r)?.default_submitted_per_s,
    },
    { group, name: "of that the SDK's processor time", unit: 'µs per task', value: (r) => of(r)?.sdk_cpu_us_per_task },
    { group, name: 'result message p50', unit: 'ms', value: (r) => of(r)?.p50_ms },
    { group, name: 'result message p99', unit: 'ms', value: (r) => of(r)?.p99_ms },
    {
      group, name: 'p50 above that of an endpoint that runs nothing', unit: 'ms',
      value: (r) => aboveLimit(of(r), r.endpoint?.limit),
    },
    { group, name: "SDK's future p50", unit: 'ms', value: (r) => of(r)?.future_p50_ms },
    {
      group, name: 'stopped to first result', unit: 's',
      value: (r) => of(r)?.first_result_s.median, spread: (r) => of(r)?.first_result_s,
    },
  ];
}

export function multiUserRows(): Row[] {
  const crowd = 'Multi-user: many users at the same moment';
  const first = 'Multi-user: submission to first result, no user endpoint running';
  return [
    {
      group: first, name: 'ours', unit: 's', target: { most: 3 },
      value: (r) => r.multi_user?.first_result_s.ours.median, spread: (r) => r.multi_user?.first_result_s.ours,
    },
    {
      group: first, name: "peer: the field's agent", unit: 's',
      value: (r) => r.multi_user?.first_result_s.agent?.median, spread: (r) => r.multi_user?.first_result_s.agent,
    },
    {
      group: first, name: 'ours over the agent', unit: '×', target: { most: 0.5 },
      value: (r) => r.ratios?.user_endpoint_first_result_to_agent,
    },
    { group: crowd, name: 'users, a user endpoint each', unit: 'users', value: (r) => r.multi_user?.crowd.users },
    {
      group: crowd, name: 'of those without a result', unit: 'users', target: { most: 0 },
      value: (r) => r.multi_user?.crowd.lost,
    },
    {
      group: crowd, name: 'the last one has its first result', unit: 's',
      value: (r) => r.multi_user?.crowd.last_result_s,
    },
    {
      group: crowd, name: 'then idle: supervisor, resident', unit: 'MiB', target: { most: 80 },
      value: (r) => r.multi_user?.crowd.supervisor_rss_mib,
    },
    {
      group: crowd, name: 'its proportional share of that', unit: 'MiB',
      value: (r) => r.multi_user?.crowd.supervisor_pss_mib,
    },
    {
      group: crowd, name: 'its processor time', unit: '% of a core', target: { most: 0.5 },
      value: (r) => r.multi_user?.crowd.supervisor_cpu_percent,
    },
    {
      group: crowd, name: 'a user endpoint with its interchange', unit: 'MiB',
      value: (r) => r.multi_user?.crowd.user_endpoint_mib,
    },
  ];
}

function ratio(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one / other;
}

/** What an endpoint itself adds to the way there and back. */
function aboveLimit(one: EndpointFigures | undefined, limit: EndpointFigures | undefined): number | undefined {
  return one === undefined || limit === undefined || one === limit ? undefined : one.p50_ms - limit.p50_ms;
}
