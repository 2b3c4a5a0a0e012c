// Runs sections one after the other, each in a process of its own, and puts their parts together.

import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Effort } from './effort.ts';
import { describeMachine, loadOneMinute } from './machine.ts';
import { ratiosOf } from './ratios.ts';
import type { BenchReport } from './results.ts';
import type { FromSection, SectionName, SectionRequest } from './section.ts';

export interface BenchOptions extends Omit<Effort, 'directory' | 'signal' | 'progress'> {
  readonly sections: readonly SectionName[];
}

/** No section takes nearly as long; one that does is stuck, and the others still have to run. */
const SECTION_TIMEOUT_MS = 1_200_000;
/** What an interrupted section has started may take its time to end: fifty user endpoints, and fifty local accounts. */
const GRACE_MS = 120_000;

/** A section that fails is named under `failures`; the others still run. Rejects only when `signal` aborts. */
export async function runBench(
  { sections, ...options }: BenchOptions, signal: AbortSignal, progress: (text: string) => void,
): Promise<BenchReport> {
  const machine = describeMachine();
  const date = new Date().toISOString();
  const parts: Partial<BenchReport>[] = [];
  const failures: { section: string; message: string }[] = [];
  const directory = await mkdtemp(join(tmpdir(), 'switchyard-bench-'));
  try {
    for (const section of sections) {
      signal.throwIfAborted();
      const request = { section, directory, ...options };
      // Sections that overlap would measure one another.
      const answer = await runSection(request, signal, (text) => progress(`${section}: ${text}`));
      if (answer.type === 'measured') parts.push(answer.part);
      else failures.push({ section, message: answer.message });
    }
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
  signal.throwIfAborted();
  machine.load_after = loadOneMinute();
  const { quick } = options;
  const head = { report: 1, date, version: ownVersion(), quick, encryption: true, machine } as const;
  return assemble(head, parts, failures);
}

type Head = Pick<BenchReport, 'report' | 'date' | 'version' | 'quick' | 'encryption' | 'machine'>;

/** Later parts win: the raw path's figures from alternating rounds replace those that were measured alone. */
export function assemble(
  head: Head, parts: readonly Partial<BenchReport>[], failures: NonNullable<BenchReport['failures']>,
): BenchReport {
  let figures: Omit<BenchReport, 'ratios'> = head;
  for (const part of parts) {
    const limits = { ...figures.limits, ...part.limits };
    const zmq = { ...figures.limits?.zmq, ...part.limits?.zmq };
    figures = { ...figures, ...part };
    if (Object.keys(limits).length > 0) figures = { ...figures, limits: { ...limits, zmq } };
  }
  return { ...figures, ratios: ratiosOf(figures), ...(failures.length > 0 ? { failures } : {}) };
}

type Answer = Exclude<FromSection, { type: 'progress' }>;

function runSection(
  request: SectionRequest, interrupt: AbortSignal, progress: (text: string) => void,
): Promise<Answer> {
  const signal = AbortSignal.any([interrupt, AbortSignal.timeout(SECTION_TIMEOUT_MS)]);
  return new Promise((resolve) => {
    // Nothing of a section may reach our standard output: the report is there.
    const main = new URL('./section/main.js', import.meta.url);
    const child = fork(main, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    let answer: Answer | undefined;
    let kill: NodeJS.Timeout | undefined;
    const stop = (): void => {
      child.kill('SIGTERM');
      kill = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    };
    signal.addEventListener('abort', stop, { once: true });
    child.on('message', (message: FromSection) => {
      if (message.type === 'progress') progress(message.text);
      else answer = message;
    });
    child.once('exit', (code, killedBy) => {
      signal.removeEventListener('abort', stop);
      clearTimeout(kill);
      const end = signal.aborted ? `it was not done within ${SECTION_TIMEOUT_MS / 60_000} minutes`
        : `its process ended with ${killedBy ?? `status ${code}`}`;
      resolve(answer ?? { type: 'failed', message: end });
    });
    child.send(request);
  });
}

function ownVersion(): string {
  const manifest = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
