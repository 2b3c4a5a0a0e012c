// How far a run is, in one line. Pure.

import { counted, duration, rate, several } from './words.ts';

export interface Standing {
  readonly total: number | null;
  /** With those of an earlier run that is resumed. */
  readonly done: number;
  readonly failed: number;
  readonly perSecond: number | undefined;
  /** `reason`: why the first of those waits that have one. */
  readonly blocks: { readonly running: number; readonly waiting: number; readonly reason?: string | undefined };
  readonly workers: number;
}

export function fractionOf({ total, done }: Standing): number | undefined {
  if (total === null) return undefined;
  return total === 0 ? 1 : done / total;
}

function percent(fraction: number): string {
  return `${Math.floor(fraction * 100)} %`; // down: 100 % only when nothing is missing
}

function leftText({ total, done, perSecond }: Standing): string | undefined {
  if (total === null || perSecond === undefined || perSecond === 0 || done >= total) return undefined;
  return `${duration(((total - done) / perSecond) * 1000)} left`;
}

function blocksText({ blocks, workers }: Standing): string {
  const waiting = blocks.waiting === 0 ? '' : ` (${counted(blocks.waiting)} waiting)`;
  return `${several(blocks.running, 'block')}${waiting}, ${several(workers, 'worker')}`;
}

/** Why there is no block yet; of no interest once there is one. */
function waitText({ blocks: { running, waiting, reason } }: Standing): string | undefined {
  return running > 0 || waiting === 0 || reason === undefined ? undefined : `waiting: ${reason.replace(/\s+/g, ' ')}`;
}

/** For files and pipes: a sentence that can stand alone. */
export function plainLine(standing: Standing): string {
  const { total, done, failed, perSecond } = standing;
  const fraction = fractionOf(standing);
  const parts = [
    total === null || fraction === undefined
      ? `${counted(done)} done`
      : `${counted(done)} of ${counted(total)} done (${percent(fraction)})`,
    `${counted(failed)} failed`,
    perSecond === undefined ? undefined : rate(perSecond),
    leftText(standing),
    blocksText(standing),
    waitText(standing),
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

const BAR_WIDTH_MAX = 24;
const BAR_WIDTH_MIN = 6;
const GAP = '  ';
const RED = '\u001b[31m';
const PLAIN = '\u001b[39m';

/** For a terminal: never wider than `width`. Where that is narrow, what matters least goes first, after the bar. */
export function liveLine(standing: Standing, width: number, colours: boolean): string {
  const { total, done, failed, perSecond } = standing;
  const fraction = fractionOf(standing);
  const failures = `${counted(failed)} failed`;
  const parts = [
    total === null ? `${counted(done)} done` : `${counted(done)}/${counted(total)}`,
    fraction === undefined ? undefined : percent(fraction),
    failures,
    leftText(standing),
    perSecond === undefined ? undefined : rate(perSecond),
    blocksText(standing),
    waitText(standing),
  ].filter((part) => part !== undefined);
  while (parts.length > 1 && parts.join(GAP).length > width) parts.pop();
  const text = parts.join(GAP).slice(0, width);
  const line = fraction === undefined ? text : bar(fraction, width - text.length - GAP.length) + text;
  return colours && failed > 0 ? line.replace(failures, `${RED}${failures}${PLAIN}`) : line;
}

function bar(fraction: number, room: number): string {
  const width = Math.min(room, BAR_WIDTH_MAX);
  if (width < BAR_WIDTH_MIN) return '';
  const full = Math.min(width, Math.floor(fraction * width));
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}${GAP}`;
}

/** Tasks per second over the last while: a run that changes its pace should say so soon, and not jump about. */
export class Pace {
  readonly #samples: { readonly atMs: number; readonly done: number }[] = [];

  add(atMs: number, done: number): void {
    this.#samples.push({ atMs, done });
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? atMs) < atMs - PACE_MS) this.#samples.shift();
  }

  perSecond(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.atMs - first.atMs < PACE_MS_MIN) return undefined;
    return (last.done - first.done) / ((last.atMs - first.atMs) / 1000);
  }
}

const PACE_MS = 30_000;
const PACE_MS_MIN = 500;
