// Blocks of runs → what people read, and JSON. Pure.

import type { RunSurvey } from '../../engine/runs.ts';
import { duration } from './words.ts';

const HEADER = ['RUN', 'ENGINE', 'BLOCK', 'JOB', 'STATE', 'NODES', 'WORKERS', 'LEFT', 'REASON'];
const NOTHING = '-';
/** A scheduler may have a lot to say; the whole of it is in the JSON. */
const REASON_CHARS_MAX = 60;

export function blocksText(surveys: readonly RunSurvey[], now: number): string {
  if (surveys.length === 0) return 'no run is open, and none has left blocks behind\n';
  const rows = surveys.flatMap((survey) => rowsOf(survey, now));
  const gone = surveys.some(({ engine, blocks }) => engine === 'gone' && blocks.some(({ ended }) => !ended));
  return aligned([HEADER, ...rows]) + (gone ? 'switchyard blocks clean ends the blocks whose engine is gone\n' : '');
}

function rowsOf(survey: RunSurvey, now: number): string[][] {
  const { run, blocks } = survey;
  const head = [run.name, engineText(survey)];
  if (blocks.length === 0) return [[...head, ...HEADER.slice(head.length).map(() => NOTHING)]];
  return blocks.map(({ record, job, status }) => [
    ...head, record.block, job?.id ?? NOTHING, status.state, String(survey.nodesPerBlock),
    record.connected ? String(record.workers) : NOTHING,
    status.endsAtMs === undefined ? NOTHING : duration(status.endsAtMs - now),
    status.reason === undefined ? NOTHING : shortened(status.reason),
  ]);
}

function engineText({ engine, owner }: RunSurvey): string {
  if (owner === undefined || engine === 'gone') return 'gone';
  return engine === 'alive' ? `pid ${owner.pid}` : `on ${owner.host}`;
}

/** One record per block; runs without blocks have none. */
export function blocksJson(surveys: readonly RunSurvey[], now: number): object {
  const blocks = surveys.flatMap(({ run, engine, owner, nodesPerBlock, blocks: of, problem }) =>
    of.map(({ record, job, status }) => ({
      run: run.name, folder: run.folder, engine, owner, block: record.block, name: record.name, job: job?.id,
      state: status.state, reason: status.reason, nodes: nodesPerBlock, managers: record.managers,
      workers: record.workers, submittedAtMs: job?.submittedAtMs, endsAtMs: status.endsAtMs,
      secondsLeft: status.endsAtMs === undefined ? undefined : Math.max(0, Math.round((status.endsAtMs - now) / 1000)),
      problem,
    })));
  const runs = surveys.map(({ run, engine, owner, problem }) => ({
    run: run.name, folder: run.folder, engine, owner, resumeAs: run.record.header.resumeAs, problem,
  }));
  return { runs, blocks };
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= REASON_CHARS_MAX ? line : `${line.slice(0, REASON_CHARS_MAX - 1)}…`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ').trimEnd()}\n`).join('');
}
