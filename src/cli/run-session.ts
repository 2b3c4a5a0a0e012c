// One run from its request to its exit status: opens what it needs, in an order that leaves everything as it was when
// something is amiss, runs the batch, and tells how it went.

import type { Clock } from '../common/clock.ts';
import { EXIT_OK, EXIT_TASKS_FAILED, exitOf } from '../common/shutdown.ts';
import type { TaskOptions } from '../sdk/index.ts';
import { Batch, type End, type Entry } from './batch.ts';
import { exitStatusOf, failureText } from './failure.ts';
import { findFiles } from './files.ts';
import { FinishedTasks } from './finished.ts';
import { identityOf, type Target } from './function.ts';
import { listedInputs, type Inputs, type InputsIdentity } from './inputs.ts';
import { Journal } from './journal.ts';
import { errorIn, finishedOf } from './journal-record.ts';
import { openOutput, type Output } from './output.ts';
import { Pace, type Standing } from './progress-line.ts';
import { progressOn, type Progress, type Terminal } from './progress.ts';
import { Recorder } from './recorder.ts';
import { onStopSignals } from './signals.ts';
import { FailureGroups, type FailureKind, summaryJson, summaryText, type Summary } from './summary.ts';
import { executorRunner, type RunExecutor } from './task-runner.ts';
import { counted, several } from './words.ts';

/** Files are looked for only when the journal does not know them. */
export type Source =
  | { readonly type: 'inputs'; readonly inputs: Inputs }
  | { readonly type: 'files'; readonly named: readonly string[]; readonly directory: string };

export interface RunRequest {
  readonly target: Target;
  readonly source: Source;
  readonly task: TaskOptions;
  readonly output: string;
  readonly journal: string | undefined;
  readonly retryFailed: boolean;
  readonly failuresMax: number;
  readonly quiet: boolean;
  readonly json: boolean;
  readonly verbose: boolean;
}

export interface RunPlace {
  readonly clock: Clock;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WriteStream;
  readonly terminal: Terminal;
  readonly createExecutor: () => RunExecutor;
}

/** Resolves to the exit status. Throws what is amiss before the first task: nothing has been changed then. */
export async function runSession(request: RunRequest, place: RunPlace): Promise<number> {
  const journal = await openJournal(request);
  try {
    const session = new Session(request, place, journal);
    const inputs = await session.inputs();
    const output = await openOutput(request.output, place.stdout);
    try {
      return await session.run(inputs, output);
    } finally {
      await output.close();
    }
  } finally {
    await journal?.close();
  }
}

async function openJournal({ journal, retryFailed, target, source }: RunRequest): Promise<Journal | undefined> {
  if (journal === undefined) return undefined;
  const inputs = source.type === 'inputs' ? source.inputs.identity : filesIdentity(source);
  const opened = await Journal.open(journal, { function: identityOf(target), inputs });
  if (retryFailed && opened.resumed) await opened.forgetFailed();
  return opened;
}

function filesIdentity({ named, directory }: Extract<Source, { type: 'files' }>): InputsIdentity {
  return { kind: 'files', named, directory };
}

class Session {
  readonly #request: RunRequest;
  readonly #place: RunPlace;
  readonly #journal: Journal | undefined;
  readonly #progress: Progress;
  readonly #finished = new FinishedTasks();
  readonly #failures = new FailureGroups();
  readonly #pace = new Pace();
  #unread: readonly string[] = [];

  constructor(request: RunRequest, place: RunPlace, journal: Journal | undefined) {
    this.#request = request;
    this.#place = place;
    this.#journal = journal;
    this.#progress = progressOn(place.stderr, place.terminal, request.quiet);
  }

  async inputs(): Promise<Inputs> {
    const { source, output } = this.#request;
    if (source.type === 'inputs') return source.inputs;
    const known = this.#journal?.files;
    if (known !== undefined) return listedInputs(filesIdentity(source), known);
    const found = await findFiles(source.named, source.directory);
    this.#unread = found.unread;
    for (const reason of found.unread) this.#say(`passed over ${reason}`);
    const own = new Set([output, this.#journal?.path, `${this.#journal?.path}.lock`]);
    return listedInputs(filesIdentity(source), found.paths.filter((path) => !own.has(path)));
  }

  async run(inputs: Inputs, output: Output): Promise<number> {
    const executor = this.#place.createExecutor(); // checks its configuration, starts nothing
    if (this.#journal?.resumed) await this.#restore(this.#journal, output);
    const { ok, failed } = this.#finished;
    const startedAt = this.#place.clock.now();
    const ended = ok + failed === inputs.total
      ? { end: { type: 'complete' } as const, ok, failed, signal: undefined }
      : await this.#runTasks(inputs, output, executor);
    await output.finish();
    return this.#tell(ended, inputs.total, this.#place.clock.now() - startedAt);
  }

  /** The journal is the truth: the output is written anew from it, as a kill may have cut it short anywhere. */
  async #restore(journal: Journal, output: Output): Promise<void> {
    await output.begin();
    await journal.restore(async (lines) => {
      const fresh = lines.filter((line) => this.#finished.add(finishedOf(line)));
      for (const line of fresh) this.#count(errorIn(line));
      if (fresh.length > 0) await output.write(`${fresh.join('\n')}\n`);
    });
    if (journal.damaged > 0) {
      this.#say(`${several(journal.damaged, 'record')} of the journal cannot be read: those tasks run again`);
    }
    this.#say(`goes on with ${this.#journal?.path}: ${counted(this.#finished.ok + this.#finished.failed)} done before`);
  }

  async #runTasks(inputs: Inputs, output: Output, executor: RunExecutor): Promise<Ended> {
    const { batch, recorder } = this.#assemble(inputs, output, executor);
    const stops = onStopSignals(() => this.#drain(batch), () => this.#cancel(batch));
    const still = this.#place.clock.every(this.#progress.everyMs, () => this.#show(batch, inputs, executor));
    try {
      await executor.start();
      await this.#begin(inputs, output);
      this.#show(batch, inputs, executor);
      const end = await batch.run();
      await recorder.flush();
      this.#show(batch, inputs, executor);
      return { end, ok: batch.ok, failed: batch.failed, signal: stops.signal };
    } catch (error) {
      // Stopped while it started: the executor says that it was closed, which is what was asked for.
      if (stops.signal === undefined) throw error;
      return { end: { type: 'cancelled' }, ok: batch.ok, failed: batch.failed, signal: stops.signal };
    } finally {
      still();
      this.#progress.stop();
      await executor.close('cancel');
      stops.release();
    }
  }

  #assemble(inputs: Inputs, output: Output, executor: RunExecutor): { batch: Batch; recorder: Recorder<Entry> } {
    const recorder: Recorder<Entry> = new Recorder<Entry>({
      journal: this.#journal,
      output,
      clock: this.#place.clock,
      onRecorded: (entries) => {
        for (const { error } of entries) this.#count(error);
        batch.onRecorded(entries);
      },
      onFailed: (error, lost) => batch.onLost(error, lost),
    });
    const runner = executorRunner(executor, this.#request.target, this.#request.task);
    const { failuresMax } = this.#request;
    const batch: Batch = new Batch({ inputs, runner, recorder, finished: this.#finished, failuresMax });
    return { batch, recorder };
  }

  /** From here on files change. The executor is up: a mistake in its configuration has cost nothing. */
  async #begin(inputs: Inputs, output: Output): Promise<void> {
    if (this.#journal?.resumed) return;
    await this.#journal?.begin(inputs.identity['kind'] === 'files' ? inputs.listed : undefined);
    await output.begin();
  }

  #drain(batch: Batch): void {
    this.#say('stops: what runs now is finished first; once more to cancel that, too');
    batch.drain();
  }

  #cancel(batch: Batch): void {
    this.#say('cancels what runs');
    batch.cancel();
  }

  #count(error: FailureKind | undefined): void {
    if (error !== undefined) this.#failures.add(error);
  }

  #show(batch: Batch, { total }: Inputs, executor: RunExecutor): void {
    const now = this.#place.clock.now();
    const done = batch.ok + batch.failed;
    this.#pace.add(now, done);
    const { blocks, workers } = executor.status();
    const running = blocks.filter(({ state }) => state === 'running').length;
    const waiting = blocks.filter(({ state }) => state === 'pending' || state === 'held' || state === 'unknown');
    const { reason } = waiting.find((block) => block.reason !== undefined) ?? {};
    const standing: Standing = {
      total, done, failed: batch.failed, perSecond: this.#pace.perSecond(), workers,
      blocks: { running, waiting: waiting.length, reason },
    };
    this.#progress.update(standing, now);
  }

  #tell({ end, ok, failed, signal }: Ended, total: number | null, ms: number): number {
    const { stdout, stderr } = this.#place;
    const { quiet, json, output, verbose } = this.#request;
    const status = statusOf(end, failed, signal);
    const summary: Summary = {
      end: end.type, total, ok, failed, resumed: this.#finished.ok + this.#finished.failed, ms,
      failures: this.#failures.list(), unreadDirectories: this.#unread, journal: this.#journal?.path,
    };
    if (end.type === 'error') stderr.write(failureText(' run', end.error, verbose));
    const nothing = end.type === 'error' && ok + failed === 0;
    if (!quiet && !nothing) stderr.write(`switchyard run: ${summaryText(summary)}\n`);
    if (json) (output === '-' ? stderr : stdout).write(`${summaryJson(summary, status)}\n`);
    return status;
  }

  #say(text: string): void {
    if (!this.#request.quiet) this.#progress.note(`switchyard run: ${text}\n`);
  }
}

interface Ended {
  readonly end: End;
  readonly ok: number;
  readonly failed: number;
  readonly signal: NodeJS.Signals | undefined;
}

function statusOf(end: End, failed: number, signal: NodeJS.Signals | undefined): number {
  if (end.type === 'error') return exitStatusOf(end.error);
  if (signal !== undefined) return exitOf(signal);
  return failed > 0 ? EXIT_TASKS_FAILED : EXIT_OK;
}
