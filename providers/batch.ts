// What all batch schedulers share. One status command for all jobs; a job that is not listed is asked about in a second
// source before it counts as gone; a job whose submission was not answered is looked for by its name and has its place
// until it is found or was looked for long enough. Nothing that a command fails to say ends a job.

import { join } from 'node:path';
import type { Clock } from '../src/common/clock.ts';
import { ComputeError } from '../src/common/errors.ts';
import type { Output } from '../src/common/exec.ts';
import { quoteAll } from '../src/common/quote.ts';
import { buildLauncher, type LauncherConfig } from '../launchers/index.ts';
import type { Launcher } from '../launchers/launcher.ts';
import type { Host } from './host/host.ts';
import { jobName } from './job-name.ts';
import { exportsOf, type NodeRequest } from './node-request.ts';
import { Patience } from './patience.ts';
import type { BlockPolicy, Job, JobSpec, JobStatus, Preview, Provider } from './provider.ts';
import type {
  Argv, Command, Failed, History, JobFiles, JobsCommand, ListedJob, Scheduler, Submitted,
} from './scheduler.ts';
import { submitScript } from './script.ts';
import { Tracked } from './tracked.ts';

/** The keys that every batch provider has. */
export interface BatchConfig extends BlockPolicy, NodeRequest {
  readonly worker_init: string;
  /** Seconds that one command of the scheduler may take. */
  readonly cmd_timeout: number;
  readonly launcher: LauncherConfig;
}

export interface BatchDeps {
  /** Where the scheduler's commands are, and the blocks' files. */
  readonly host: Host;
  readonly clock: Clock;
}

/** Sites ask for about this: their controllers serve everybody. */
const STATUS_INTERVAL_MS = 60_000;
/** While something is expected to happen soon. */
const HURRIED_INTERVAL_MS = 5_000;
/** How long after its submission a job that does not run yet is looked at often: wrong scripts end at once. */
const FRESH_MS = 60_000;
const STDERR_BYTES_MAX = 2048;

export class BatchProvider implements Provider {
  readonly policy: BlockPolicy;
  readonly launcher: Launcher;
  readonly host: Host;
  readonly #config: BatchConfig;
  readonly #scheduler: Scheduler;
  readonly #clock: Clock;
  readonly #jobs = new Map<string, Tracked>();
  readonly #patience = new Patience();

  constructor(config: BatchConfig, scheduler: Scheduler, deps: BatchDeps) {
    this.policy = config;
    this.launcher = buildLauncher(config.launcher);
    this.host = deps.host;
    this.#config = config;
    this.#scheduler = scheduler;
    this.#clock = deps.clock;
  }

  get type(): string {
    return this.#scheduler.type;
  }

  get statusIntervalMs(): number {
    const freshMs = this.#clock.now() - FRESH_MS;
    const hurried = [...this.#jobs.values()].some((tracked) => tracked.isWatched(freshMs));
    return hurried ? HURRIED_INTERVAL_MS : STATUS_INTERVAL_MS;
  }

  async submit(spec: JobSpec): Promise<Job> {
    const files = this.#filesOf(spec);
    await this.host.write(files.scriptPath, this.script(spec), 0o700);
    const submittedAtMs = this.#clock.now();
    const answer = await this.#trySubmit(files);
    if (answer.type === 'unreachable') {
      throw new ComputeError('COMMAND_FAILED', `${this.type} could not submit ${spec.name}: ${answer.words}`, {
        details: { command: this.#words(this.#scheduler.submit, files.scriptPath), job: files.name },
      });
    }
    if (answer.type === 'refused') {
      throw new ComputeError('SUBMIT_FAILED', `${this.type} refused ${spec.name}: ${answer.words}`, {
        details: { command: this.#words(this.#scheduler.submit, files.scriptPath), job: files.name },
      });
    }
    const { name, stdoutPath, stderrPath } = files;
    const id = answer.type === 'accepted' ? answer.id : await this.#idInDoubt(name);
    const tracked = new Tracked({ id, name, submittedAtMs, stdoutPath, stderrPath });
    if (answer.type === 'doubtful' && isStandIn(id)) tracked.onDoubt(answer.words);
    this.#jobs.set(id, tracked);
    return tracked.job;
  }

  /** The text that `submit` hands to the scheduler. */
  script(spec: JobSpec): string {
    return submitScript({
      name: spec.name, folder: spec.folder, directives: this.#scheduler.directives(this.#filesOf(spec)),
      workerInit: exportsOf(this.#config) + this.#config.worker_init,
      launch: this.launcher.wrap(spec.command, { nodes: this.policy.nodes_per_block, managersPerNode: 1 }),
    });
  }

  preview(spec: JobSpec): Preview {
    const { scriptPath: path } = this.#filesOf(spec);
    return { submit: this.#words(this.#scheduler.submit, path), path, script: this.script(spec) };
  }

  /** Throws COMMAND_FAILED, and asks nothing while a scheduler that failed repeatedly is left alone. */
  async status(ids: readonly string[]): Promise<Map<string, JobStatus>> {
    const asked = this.#open(ids);
    if (asked.length > 0) await this.#patience.spend(this.#clock, () => this.#ask(asked));
    return new Map(ids.map((id) => [id, this.#jobs.get(id)?.status ?? NOBODYS]));
  }

  /** Ends only what the scheduler lists under the names of our jobs: an id alone may be somebody else's by now. */
  async cancel(ids: readonly string[]): Promise<void> {
    const asked = this.#open(ids);
    if (asked.length === 0) return;
    await this.#patience.insist(this.#clock, async () => {
      await this.#ask(asked);
      await this.#end(asked.filter((tracked) => tracked.isCancellable()));
    });
    for (const tracked of asked) tracked.onCancelled();
  }

  adopt(job: Job): void {
    if (!this.#jobs.has(job.id)) this.#jobs.set(job.id, new Tracked(job));
  }

  recover(spec: Pick<JobSpec, 'name' | 'folder'>, intendedAtMs: number): Job {
    const { name, stdoutPath, stderrPath } = this.#filesOf(spec);
    const tracked = new Tracked({ id: standIn(name), name, submittedAtMs: intendedAtMs, stdoutPath, stderrPath });
    tracked.onDoubt('whoever submitted it was killed');
    this.#jobs.set(tracked.id, tracked);
    return tracked.job;
  }

  stderrTail(job: Job): Promise<string> {
    return this.host.excerpt(job.stderrPath, STDERR_BYTES_MAX);
  }

  #open(ids: readonly string[]): Tracked[] {
    return ids.flatMap((id) => this.#jobs.get(id) ?? []).filter((tracked) => !tracked.hasEnded());
  }

  async #trySubmit(files: JobFiles): Promise<Submitted> {
    const { submit } = this.#scheduler;
    try {
      return submit.read(await this.#run(submit, files.scriptPath), files.scriptPath);
    } catch (cause) {
      if (!(cause instanceof ComputeError)) throw cause;
      if (cause.details['started'] !== false) return { type: 'doubtful', words: cause.message };
      // It asked for nothing. A way to the scheduler may be there later; a command that is not there will not.
      return { type: cause.details['refused'] === true ? 'refused' : 'unreachable', words: cause.message };
    }
  }

  /** The id of a job whose submission was not answered, or a stand-in until it is known. */
  async #idInDoubt(name: string): Promise<string> {
    try {
      return (await this.#listed(this.#scheduler.find, [name])).get(name)?.id ?? standIn(name);
    } catch {
      return standIn(name); // whoever asks for its status looks again
    }
  }

  async #ask(asked: readonly Tracked[]): Promise<void> {
    const { find, list } = this.#scheduler;
    const unnamed = asked.filter(({ id }) => isStandIn(id));
    const named = asked.filter(({ id }) => !isStandIn(id));
    const found = await this.#listed(find, unnamed.map(({ job }) => job.name));
    for (const tracked of unnamed) {
      const job = found.get(tracked.job.name);
      if (job === undefined) tracked.onNotFound(this.#clock.now());
      else tracked.onFound(job);
    }
    // It came after it had been told to end.
    await this.#end(unnamed.filter((tracked) => !isStandIn(tracked.id) && tracked.wasCancelled()));
    const listed = await this.#listed(list, named.map(({ id }) => id));
    const absent = named.filter((tracked) => !tracked.onListed(listed.get(tracked.job.name)));
    if (absent.length > 0) await this.#askHistory(absent);
  }

  async #end(due: readonly Tracked[]): Promise<void> {
    const { cancel } = this.#scheduler;
    for (const batch of cancel.batches(due.map(({ id }) => id))) await this.#answer(cancel, batch);
  }

  async #askHistory(absent: readonly Tracked[]): Promise<void> {
    const { history } = this.#scheduler;
    for (const ids of history.batches(absent.map(({ id }) => id))) {
      const answer = await this.#historyOf(ids);
      const now = this.#clock.now();
      for (const tracked of absent) if (ids.includes(tracked.id)) tracked.onAbsent(answer, now);
    }
  }

  /** A second source that fails is one that says nothing: the first one did answer. */
  async #historyOf(ids: readonly string[]): Promise<History> {
    const { history } = this.#scheduler;
    try {
      return history.read(await this.#run(history, ids), ids);
    } catch (cause) {
      if (!(cause instanceof ComputeError)) throw cause;
      return { type: 'failed', words: cause.message };
    }
  }

  /** By name, which is ours alone. Ids in the question or names: as the command takes them. */
  async #listed(command: Scheduler['list'], words: readonly string[]): Promise<Map<string, ListedJob>> {
    const jobs = new Map<string, ListedJob>();
    for (const batch of command.batches(words)) {
      const { jobs: listed } = await this.#answer(command, batch);
      for (const job of listed) jobs.set(job.name, job);
    }
    return jobs;
  }

  /** What a command says; throws COMMAND_FAILED when it failed. */
  async #answer<A extends { readonly type: string }>(
    command: JobsCommand<A | Failed>, ids: readonly string[],
  ): Promise<Exclude<A, Failed>> {
    const output = await this.#run(command, ids);
    const answer = command.read(output, ids);
    // What is not the failure is the answer.
    if (answer.type !== 'failed') return answer as Exclude<A, Failed>;
    throw new ComputeError('COMMAND_FAILED', `${programOf(command.argv(ids))} failed: ${(answer as Failed).words}`, {
      details: { command: this.#words(command, ids), stderr: output.stderr, exitCode: output.code },
    });
  }

  async #run<Q>(command: Command<Q, unknown>, question: Q): Promise<Output> {
    const argv = command.argv(question);
    try {
      return await this.host.run(argv, { timeoutMs: this.#config.cmd_timeout * 1000 });
    } catch (cause) {
      if (!(cause instanceof ComputeError)) throw cause;
      const failure = cause.details['started'] === false ? 'could not be started: is it there, where the commands run?'
        : `gave no answer (cmd_timeout is ${this.#config.cmd_timeout} s)`;
      const details = { ...cause.details, command: quoteAll(argv) };
      throw new ComputeError('COMMAND_FAILED', `${programOf(argv)} ${failure}`, { cause, details });
    }
  }

  #words<Q>(command: Command<Q, unknown>, question: Q): string {
    return quoteAll(command.argv(question));
  }

  #filesOf({ name: wanted, folder }: Pick<JobSpec, 'name' | 'folder'>): JobFiles {
    const name = jobName(wanted, folder, this.#scheduler.nameCharsMax);
    const stem = join(folder, name);
    return { name, folder, scriptPath: `${stem}.sh`, stdoutPath: `${stem}.out`, stderrPath: `${stem}.err` };
  }
}

/** The command itself, behind `env` and what it sets. */
function programOf(argv: Argv): string {
  return argv.find((word) => word !== 'env' && !word.includes('=')) ?? argv[0];
}

const NOBODYS: JobStatus = { state: 'missing', reason: 'no such job' };

/** No scheduler gives out such an id. */
function standIn(name: string): string {
  return `?${name}`;
}

function isStandIn(id: string): boolean {
  return id.startsWith('?');
}
