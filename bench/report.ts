// The report as text: what ran where, then a table per group, then the tables that have more than one number a row.

import { meets, type Row, type Target } from './row.ts';
import { ROWS } from './targets.ts';
import type { BenchReport } from './results.ts';

/** A figure with three significant digits, thousands kept apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const rounded = value >= 1000 ? Number(value.toPrecision(3)) : value;
  return rounded.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function renderReport(report: BenchReport): string {
  const parts = [
    heading(report), mainTable(report), hopTable(report), sizeTable(report), gridTable(report), zeroWorkerTable(report),
    peerTable(report), failureLines(report),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function heading({ machine, date, version, quick }: BenchReport): string {
  const versions = Object.entries(machine.versions).map(([name, number]) => `${name} ${number}`).join(', ');
  return [
    `switchyard ${version}, ${date}${quick ? ', quick: fewer and smaller repetitions' : ''}`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memory_gib} GiB; ${machine.os}`,
    `Node ${machine.node}, ${versions}; every socket encrypted; medians`,
    `load average ${machine.load_before} before, ${machine.load_after} after${busyWarning(machine)}`,
  ].join('\n');
}

/** Half a core of others' work is enough to move every figure. */
const BUSY_LOAD_PER_CORE = 0.25;

function busyWarning({ cores, load_before }: BenchReport['machine']): string {
  return load_before <= cores * BUSY_LOAD_PER_CORE ? ''
    : ': THE MACHINE WAS BUSY before this began, so no figure here is its best, and ratios may be off';
}

function mainTable(report: BenchReport): string {
  const rows = ROWS.flatMap((row) => {
    const value = row.value(report);
    return value === undefined ? [] : [{ row, value }];
  });
  const groups = [...new Set(rows.map(({ row }) => row.group))];
  return groups.map((group) => table(
    [group, 'figure', 'unit', 'min – max', 'target', ''],
    rows.filter(({ row }) => row.group === group).map(({ row, value }) => cells(report, row, value)),
  )).join('\n\n');
}

function cells(report: BenchReport, row: Row, value: number): string[] {
  const range = row.spread?.(report);
  const { target } = row;
  return [
    row.name, figure(value), row.unit,
    range === undefined ? '' : `${figure(range.min)} – ${figure(range.max)}`,
    target === undefined ? '' : targetText(target),
    target === undefined ? '' : verdict(value, target),
  ];
}

function targetText(target: Target): string {
  return 'least' in target ? `≥ ${figure(target.least)}` : `≤ ${figure(target.most)}`;
}

function verdict(value: number, target: Target): string {
  return meets(value, target) ? 'met' : 'missed';
}

function hopTable({ latency }: BenchReport): string {
  if (latency === undefined) return '';
  return table(
    ['Cost per hop', 'p50 µs', 'p99 µs'],
    latency.hops.map((hop) => [hop.name, figure(hop.p50_us), figure(hop.p99_us)]),
  );
}

function sizeTable({ payload }: BenchReport): string {
  if (payload === undefined) return '';
  return table(
    ['Payload, one at a time', 'p50 ms', 'p99 ms', 'MB/s'],
    payload.sizes.map((size) => [bytes(size.bytes), figure(size.p50_ms), figure(size.p99_ms), figure(size.mb_per_s)]),
  );
}

function gridTable({ throughput }: BenchReport): string {
  if (throughput === undefined) return '';
  const workers = [...new Set(throughput.map((point) => point.workers))];
  const sizes = [...new Set(throughput.map((point) => point.payload_bytes))];
  return table(
    ['Tasks/s by payload and workers', ...workers.map(String)],
    sizes.map((size) => [bytes(size), ...workers.map((count) => {
      const point = throughput.find((each) => each.workers === count && each.payload_bytes === size);
      return point === undefined ? '' : figure(point.tasks_per_s);
    })]),
  );
}

function zeroWorkerTable({ zero_worker }: BenchReport): string {
  if (zero_worker === undefined || zero_worker.managers.length < 2) return '';
  return table(
    ['Scheduler alone, managers', 'tasks/s', 'client µs', 'interchange µs'],
    zero_worker.managers.map((point) => [
      String(point.managers), figure(point.tasks_per_s.median), figure(point.client_cpu_us_per_task),
      figure(point.interchange_cpu_us_per_task),
    ]),
  );
}

function peerTable({ peers }: BenchReport): string {
  const parsl = peers?.parsl;
  if (parsl === undefined) return '';
  return table(
    [`Parsl ${parsl.version}, Python ${parsl.python}`, 'tasks/s', 'min – max'],
    parsl.throughput.map(({ prefetch, tasks_per_s }) => [
      `prefetch ${prefetch}`, figure(tasks_per_s.median), `${figure(tasks_per_s.min)} – ${figure(tasks_per_s.max)}`,
    ]),
  );
}

function failureLines({ failures }: BenchReport): string {
  return (failures ?? []).map(({ section, message }) => `${section} was not measured: ${message}`).join('\n');
}

function bytes(count: number): string {
  if (count >= 2 ** 20 && count % 2 ** 20 === 0) return `${count / 2 ** 20} MiB`;
  if (count >= 1e6) return `${count / 1e6} MB`;
  return count >= 1000 ? `${count / 1000} kB` : `${count} B`;
}

/** The first column to the left, numbers to the right. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string => row
    .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
    .join('  ').trimEnd();
  return [line(header), widths.map((width) => '─'.repeat(width)).join('──'), ...rows.map(line)].join('\n');
}
