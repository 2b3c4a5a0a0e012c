// The report as one picture: throughput, latency, cost per hop, payload. Plain SVG, no script, no external font.

import { figure } from './report.ts';
import type { BenchReport } from './results.ts';

interface Bar {
  readonly label: string;
  readonly value: number;
  readonly kind: Kind;
}

/** Whose figure it is: the engine's, a limit's below it, or a peer's. */
type Kind = 'ours' | 'limit' | 'peer';

const COLOURS: Readonly<Record<Kind, string>> = { ours: '#1f6f8b', limit: '#b9c4cc', peer: '#d98841' };
const HOP_COLOURS = ['#1f6f8b', '#58a4b0', '#a9bcd0', '#d8dbe2', '#373f51', '#8d99ae', '#c9ada7', '#9a8c98', '#4a4e69'];
const WIDTH = 880;
const MARGIN = 24;
const LABEL_WIDTH = 230;
const VALUE_WIDTH = 110;
const BAR_HEIGHT = 18;
const BAR_STEP = 26;
const TITLE_HEIGHT = 34;
const PANEL_GAP = 22;
const HEADER_HEIGHT = 64;
const LEGEND_STEP = 18;
const INK = '#22303a';
const FAINT = '#6b7780';

interface Panel {
  readonly height: number;
  draw(top: number): string;
}

export function renderChart(report: BenchReport): string {
  const panels = [
    barPanel('Throughput, no-op tasks per second (more is better)', throughputBars(report)),
    barPanel('Latency of one task, ms (less is better)', latencyBars(report)),
    hopPanel(report),
    barPanel('10 MiB argument and result, MB/s (more is better)', payloadBars(report)),
    barPanel('Start to first result, s (less is better)', startBars(report)),
  ].filter((panel) => panel !== undefined);

  let top = HEADER_HEIGHT;
  const drawn: string[] = [];
  for (const panel of panels) {
    drawn.push(panel.draw(top));
    top += panel.height + PANEL_GAP;
  }
  const { machine, date, version } = report;
  const where = `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ${date.slice(0, 10)}, encrypted`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}" `
    + 'font-family="Helvetica, Arial, sans-serif" font-size="13">',
    `<rect width="${WIDTH}" height="${top}" fill="#ffffff"/>`,
    text(MARGIN, 30, `switchyard ${version}`, { size: 18, weight: 'bold' }),
    text(MARGIN, 50, where, { fill: FAINT }),
    legend(),
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

function throughputBars({ no_op, zero_worker, limits, peers }: BenchReport): Bar[] {
  return bars([
    ['switchyard, 2 workers', no_op?.tasks_per_s, 'ours'],
    ['switchyard, scheduler alone', zero_worker?.tasks_per_s, 'ours'],
    ['limit: raw ZeroMQ', limits?.zmq?.tasks_per_s, 'limit'],
    ['limit: bare Piscina', limits?.piscina?.tasks_per_s, 'limit'],
    ['Parsl HTEX, 2 workers', peers?.parsl?.tasks_per_s, 'peer'],
  ]);
}

function latencyBars({ latency, limits, peers }: BenchReport): Bar[] {
  return bars([
    ['switchyard p50', latency?.p50_ms, 'ours'],
    ['switchyard p90', latency?.p90_ms, 'ours'],
    ['switchyard p99', latency?.p99_ms, 'ours'],
    ['limit: raw ZeroMQ p50', limits?.zmq?.p50_ms, 'limit'],
    ['limit: raw ZeroMQ p99', limits?.zmq?.p99_ms, 'limit'],
    ['Parsl HTEX p50', peers?.parsl?.p50_ms, 'peer'],
    ['Parsl HTEX p99', peers?.parsl?.p99_ms, 'peer'],
  ]);
}

function payloadBars({ payload, limits }: BenchReport): Bar[] {
  return bars([
    ['switchyard', payload?.mb_per_s, 'ours'],
    ['limit: raw ZeroMQ', limits?.zmq?.mb_per_s, 'limit'],
    ['limit: raw ZeroMQ, split frames', limits?.zmq?.mb_per_s_split, 'limit'],
  ]);
}

function startBars({ cold_start_s, slurm, peers }: BenchReport): Bar[] {
  return bars([
    ['switchyard', cold_start_s, 'ours'],
    ['Parsl HTEX', peers?.parsl?.cold_start_s, 'peer'],
    ['switchyard, node from Slurm', slurm?.first_result_s, 'ours'],
    ['Parsl HTEX, node from Slurm', slurm?.parsl_first_result_s, 'peer'],
  ]);
}

/** Those that were measured. */
function bars(all: readonly (readonly [string, number | undefined, Kind])[]): Bar[] {
  return all.flatMap(([label, value, kind]) => (value === undefined ? [] : [{ label, value, kind }]));
}

function barPanel(title: string, content: readonly Bar[]): Panel | undefined {
  if (content.length === 0) return undefined;
  const longest = Math.max(...content.map((bar) => bar.value));
  const room = WIDTH - 2 * MARGIN - LABEL_WIDTH - VALUE_WIDTH;
  return {
    height: TITLE_HEIGHT + content.length * BAR_STEP,
    draw: (top) => [
      panelTitle(title, top),
      ...content.flatMap((bar, index) => {
        const y = top + TITLE_HEIGHT + index * BAR_STEP;
        const width = longest > 0 ? Math.max(1, room * bar.value / longest) : 1;
        const x = MARGIN + LABEL_WIDTH;
        return [
          text(x - 10, y + 14, bar.label, { anchor: 'end' }),
          rect(x, y, width, COLOURS[bar.kind]),
          text(x + width + 8, y + 14, figure(bar.value), { weight: bar.kind === 'ours' ? 'bold' : 'normal' }),
        ];
      }),
    ].join('\n'),
  };
}

/** One stacked bar, and under it what its pieces are. */
function hopPanel({ latency }: BenchReport): Panel | undefined {
  if (latency === undefined) return undefined;
  const { hops } = latency;
  const total = hops.reduce((sum, hop) => sum + hop.p50_us, 0);
  const rows = Math.ceil(hops.length / 3);
  const columnWidth = (WIDTH - 2 * MARGIN) / 3;
  return {
    height: TITLE_HEIGHT + BAR_STEP + rows * LEGEND_STEP + 6,
    draw: (top) => {
      let x = MARGIN;
      const pieces = hops.map((hop, index) => {
        const width = total > 0 ? (WIDTH - 2 * MARGIN) * hop.p50_us / total : 0;
        const piece = rect(x, top + TITLE_HEIGHT, width, hopColour(index));
        x += width;
        return piece;
      });
      const keys = hops.map((hop, index) => {
        const keyX = MARGIN + (index % 3) * columnWidth;
        const keyY = top + TITLE_HEIGHT + BAR_STEP + Math.floor(index / 3) * LEGEND_STEP + 4;
        return `<rect x="${keyX}" y="${keyY}" width="10" height="10" fill="${hopColour(index)}"/>`
          + text(keyX + 16, keyY + 10, `${hop.name} ${figure(hop.p50_us)}`, { size: 12 });
      });
      return [panelTitle('Where the time of one task goes, µs (medians)', top), ...pieces, ...keys].join('\n');
    },
  };
}

function hopColour(index: number): string {
  return HOP_COLOURS[index % HOP_COLOURS.length] ?? INK;
}

function legend(): string {
  const kinds = [['ours', 'switchyard'], ['limit', 'limit below it'], ['peer', 'peer']] as const;
  return kinds.map(([kind, name], index) => {
    const x = WIDTH - MARGIN - 330 + index * 115;
    return `<rect x="${x}" y="20" width="10" height="10" fill="${COLOURS[kind]}"/>`
      + text(x + 16, 30, name, { size: 12 });
  }).join('\n');
}

function panelTitle(title: string, top: number): string {
  return `<line x1="${MARGIN}" y1="${top}" x2="${WIDTH - MARGIN}" y2="${top}" stroke="#e3e8eb"/>\n`
    + text(MARGIN, top + 22, title, { weight: 'bold' });
}

function rect(x: number, y: number, width: number, fill: string): string {
  return `<rect x="${round(x)}" y="${y}" width="${round(width)}" height="${BAR_HEIGHT}" fill="${fill}"/>`;
}

interface TextStyle {
  readonly size?: number;
  readonly weight?: string;
  readonly fill?: string;
  readonly anchor?: string;
}

function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { size = 13, weight = 'normal', fill = INK, anchor = 'start' } = style;
  return `<text x="${round(x)}" y="${y}" font-size="${size}" font-weight="${weight}" fill="${fill}" `
    + `text-anchor="${anchor}">${escape(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
