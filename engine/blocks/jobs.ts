// The scaler's hands: everything that is asked of the provider, and what its answers mean for the table. Knows how long
// to leave the provider alone after failures, and nothing of tasks.

import type { Clock } from '../../src/common/clock.ts';
import { unreachable } from '../../src/common/errors.ts';
import type { Logger } from '../../src/common/log.ts';
import type { BlockId } from '../../src/common/protocol.ts';
import type { Job, JobSpec, Provider } from '../../providers/provider.ts';
import { Backoff } from './backoff.ts';
import { isUnreachable } from './failures.ts';
import type { BlockNotes, BlockRecord } from './records.ts';
import type { Block, BlockTable } from './table.ts';

export interface JobsDeps {
  readonly provider: Provider;
  readonly clock: Clock;
  readonly log: Logger;
  /** From 0 to 1, for the jitter of back-offs. */
  readonly random: () => number;
  /** Writes what a manager of this block needs and returns the command that starts one. */
  readonly prepare: (block: BlockId) => Promise<JobSpec>;
  /** Keeps what a later process must know. */
  readonly notes: BlockNotes;
}

/** How often the scheduler is asked while a block is expected to end, if it does not tell by itself. */
const HURRIED_STATUS_MS = 5_000;
/** Managers connected: their jobs have started, and the scheduler knows their ends. It is asked so often at most. */
const CURIOUS_STATUS_MS = 1_000;
/** How long a block that was told to drain may stay after its last task. */
const DRAIN_GRACE_MS = 30_000;
/** How long after the first order a job is killed that is still there. */
const FORCE_AFTER_MS = 60_000;
/** How long `endAll` waits for the jobs to end by themselves, and then for them to be killed. */
const END_GRACE_MS = 10_000;
const END_FORCE_MS = 5_000;
const END_LOOK_MS = 250;

export class Jobs {
  readonly #deps: JobsDeps;
  readonly #table: BlockTable;
  readonly #onTold: () => void;
  /** Submits that failed, and blocks that no manager came from. */
  readonly #starts: Backoff;
  /** Blocks that went wrong soon after their managers connected; the first is replaced at once. */
  readonly #crashes: Backoff;
  readonly #cancels: Backoff;
  /** Submissions that did not come to the scheduler, and why. */
  readonly #reach: Backoff;
  #unreached = '';
  /** A job's end was told: the scheduler is asked, however fresh its last answer is. */
  #stale = true;
  /** A block has connected whose end is not known. */
  #curious = false;
  #askedAtMs = -Infinity;
  #told = new AbortController();

  /** `onTold`: the provider said by itself that a job ended. */
  constructor(deps: JobsDeps, table: BlockTable, onTold: () => void) {
    this.#deps = deps;
    this.#table = table;
    this.#onTold = onTold;
    this.#starts = new Backoff(deps.random);
    this.#crashes = new Backoff(deps.random, 1);
    this.#cancels = new Backoff(deps.random);
    this.#reach = new Backoff(deps.random);
  }

  /** When the next block may be submitted. */
  get notBeforeMs(): number {
    return Math.max(this.#starts.untilMs, this.#crashes.untilMs, this.#reach.untilMs);
  }

  /** Nothing has started well since the last failure. */
  get doubtful(): boolean {
    return this.#starts.failures > 0;
  }

  /** One more block; false when it was refused. While the scheduler cannot be reached, it waits to be asked for. */
  submit(): Promise<boolean> {
    return this.#submit(this.#table.open(this.#deps.clock.now()));
  }

  /** Asks for the blocks that wait for it, if it is time. */
  async submitUnasked(): Promise<void> {
    for (const block of this.#table.live()) {
      if (this.#deps.clock.now() < this.#reach.untilMs) return;
      if (block.job === undefined && block.ending === undefined) await this.#submit(block);
    }
  }

  async #submit(block: Block): Promise<boolean> {
    const { clock, log } = this.#deps;
    try {
      if (clock.now() >= this.#reach.untilMs) await this.#onSubmitted(block, await this.#ordered(block));
      else block.reason = this.#unreached;
      return true;
    } catch (err) {
      const reason = err instanceof Error ? err.message : String(err);
      if (isUnreachable(err)) {
        this.#unreached = reason;
        block.reason = reason;
        this.#reach.fail(clock.now());
        log.warn({ block: block.id, err }, 'scheduler not reached');
        return true;
      }
      log.warn({ block: block.id, err }, 'block not submitted');
      this.#table.end(block, { state: 'failed', reason }, clock.now());
      await this.#onEnded(block);
      return false;
    }
  }

  async #ordered(block: Block): Promise<Job> {
    const { clock, notes, prepare, provider } = this.#deps;
    const { id } = block;
    if (block.spec === undefined) {
      const spec = await prepare(id);
      // Noted first: were we killed in between, a later process would look for the job by its name.
      await notes.intended(id, spec.name, spec.folder, clock.now());
      block.spec = spec;
    }
    return provider.submit(block.spec);
  }

  async #onSubmitted(block: Block, job: Job): Promise<void> {
    const { log, notes, provider } = this.#deps;
    block.job = job;
    delete block.spec;
    delete block.reason;
    this.#reach.reset();
    // Not fatal: the intent is enough to find the job again.
    await notes.submitted(block.id, job).catch((err: unknown) => log.warn({ err }, 'job not noted'));
    provider.watch?.(job.id, () => {
      this.#stale = true;
      this.#told.abort();
      this.#onTold();
    });
    log.info({ block: block.id, job: job.id }, 'block submitted');
  }

  /** Jobs of an earlier process of this run become blocks again. */
  inherit(records: readonly BlockRecord[]): void {
    const { log, notes, provider } = this.#deps;
    for (const record of records) {
      const job = record.job ?? provider.recover?.(record, record.intendedAtMs);
      if (job === undefined || provider.adopt === undefined) {
        notes.ended(record.block, 'missing');
        continue;
      }
      if (record.job !== undefined) provider.adopt(job);
      this.#table.inherit(record, job);
      log.info({ block: record.block, job: job.id }, 'block taken over');
    }
  }

  /** Asks how the jobs are, unless the last answer is fresh enough. True when the scheduler has answered. */
  async ask(): Promise<boolean> {
    const { clock, log, provider } = this.#deps;
    const submitted = this.#table.live().flatMap((block) =>
      (block.job === undefined ? [] : [{ block, id: block.job.id }]));
    const hurried = submitted.some(({ block: { ending, connectedAtMs, managers } }) =>
      ending !== undefined || (connectedAtMs !== undefined && managers === 0));
    const interval = hurried ? Math.min(HURRIED_STATUS_MS, provider.statusIntervalMs) : provider.statusIntervalMs;
    const age = clock.now() - this.#askedAtMs;
    const fresh = !this.#stale && age < (this.#curious ? Math.min(CURIOUS_STATUS_MS, interval) : interval);
    if (submitted.length === 0 || fresh) return false;
    this.#stale = false;
    this.#curious = false;
    this.#askedAtMs = clock.now();
    try {
      const answers = await provider.status(submitted.map(({ id }) => id));
      this.#reach.reset();
      for (const { block, id } of submitted) {
        const answer = answers.get(id);
        if (answer !== undefined) this.#table.observe(block, answer, clock.now());
        if (answer?.neverQueued) this.#reach.fail(clock.now());
      }
    } catch (err) {
      // What is not known stays as it was.
      log.warn({ err, count: submitted.length }, 'status of jobs not known');
      return false;
    }
    for (const { block } of submitted) if (block.outcome !== undefined) await this.#onEnded(block);
    return true;
  }

  async #onEnded(block: Block): Promise<void> {
    const { clock, log, notes, provider } = this.#deps;
    const { id, job, state, exitCode, reason, outcome } = block;
    notes.ended(id, state);
    log.info({ block: id, job: job?.id, state, exitCode, reason, outcome }, 'block ended');
    switch (outcome) {
      case 'served':
        this.#starts.reset();
        this.#crashes.reset();
        return;
      case 'stillborn':
        this.#starts.fail(clock.now());
        break;
      case 'crashed':
        this.#starts.reset();
        this.#crashes.fail(clock.now());
        break;
      case 'unused':
      case undefined:
        return;
      default:
        unreachable(outcome);
    }
    if (job === undefined) return;
    const tail = await provider.stderrTail(job).catch(() => ''); // the failure is told without it
    if (tail !== '') block.stderrTail = tail;
  }

  /** Blocks whose managers connected: the site is well, as far as starting goes. */
  onConnected(): void {
    this.#starts.reset();
    this.#curious = true;
  }

  /** Cancels what was told to end and will not, or need not be waited for. Never a block that holds a task. */
  async cancelEnding(): Promise<void> {
    const { clock, log, provider } = this.#deps;
    const now = clock.now();
    await this.#endUnasked();
    if (now < this.#cancels.untilMs) return;
    const due = this.#table.live().filter(({ ending, connectedAtMs, held }) => ending !== undefined && held === 0
      && (connectedAtMs === undefined || now - ending.busyAtMs >= DRAIN_GRACE_MS));
    const fresh = due.filter(({ ending }) => ending?.orderedAtMs === undefined);
    const stubborn = due.filter(({ ending }) => now - (ending?.orderedAtMs ?? now) >= FORCE_AFTER_MS);
    for (const [blocks, force] of [[fresh, false], [stubborn, true]] as const) {
      if (blocks.length === 0) continue;
      try {
        await provider.cancel(idsOf(blocks), force);
        for (const { ending } of blocks) if (ending !== undefined) ending.orderedAtMs = now;
        this.#cancels.reset();
      } catch (err) {
        this.#cancels.fail(now);
        log.warn({ err, blocks: blocks.map(({ id }) => id) }, 'blocks not cancelled');
      }
    }
  }

  /** What was told to end before it was asked for needs no scheduler. */
  async #endUnasked(): Promise<void> {
    for (const block of this.#table.live()) {
      if (block.job !== undefined || block.ending === undefined) continue;
      this.#table.end(block, { state: 'cancelled' }, this.#deps.clock.now());
      await this.#onEnded(block);
    }
  }

  /** Cancels every job and waits, bounded, until they are gone. */
  async endAll(): Promise<void> {
    const { clock, log, provider } = this.#deps;
    for (const block of this.#table.live()) this.#table.tellToEnd(block.id, 'closed', clock.now());
    await this.#endUnasked();
    for (const [force, waitMs] of [[false, END_GRACE_MS], [true, END_FORCE_MS]] as const) {
      const jobs = idsOf(this.#table.live());
      if (jobs.length === 0) return;
      try {
        await provider.cancel(jobs, force);
        await this.#untilGone(waitMs);
      } catch (err) {
        log.warn({ err, jobs }, 'jobs not cancelled');
      }
    }
    const jobs = idsOf(this.#table.live());
    if (jobs.length > 0) log.error({ jobs }, 'jobs left behind: cancel them with the scheduler');
  }

  async #untilGone(waitMs: number): Promise<void> {
    const { clock } = this.#deps;
    for (const end = clock.now() + waitMs; clock.now() < end;) {
      this.#told = new AbortController();
      this.#stale = true;
      await this.ask();
      if (this.#table.live().length === 0) return;
      await clock.sleep(END_LOOK_MS, this.#told.signal);
    }
  }
}

function idsOf(blocks: readonly Block[]): string[] {
  return blocks.flatMap(({ job }) => (job === undefined ? [] : [job.id]));
}
