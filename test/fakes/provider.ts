import { ComputeError } from '../../src/common/errors.ts';
import type { Launcher } from '../../launchers/launcher.ts';
import { localHost } from '../../providers/host/local.ts';
import {
  TERMINAL_STATES, type BlockPolicy, type Job, type JobSpec, type JobStatus, type Provider,
} from '../../providers/provider.ts';

/** A scheduler in memory: jobs wait until the test says otherwise. Job ids are "job-0", "job-1", … */
export class FakeProvider implements Provider {
  readonly type = 'FakeProvider';
  readonly launcher: Launcher = { type: 'FakeLauncher', wrap: (command) => command };
  readonly policy: BlockPolicy;
  readonly host = localHost;
  readonly statusIntervalMs: number;
  readonly jobs = new Map<string, JobStatus>();
  readonly submitted: JobSpec[] = [];
  readonly cancelled: string[] = [];
  readonly forced: string[] = [];
  readonly adopted: Job[] = [];
  /** Names of jobs that may have been submitted by an earlier process. */
  readonly recovered: string[] = [];
  /** Set to make these calls throw, or cancels be taken but not acted on. */
  submitFails = false;
  isUnreachable = false;
  statusFails = false;
  cancelFails = false;
  cancelIsSlow = false;
  statusCalls = 0;
  /** The most jobs that were ever there at one time. */
  liveMax = 0;
  readonly #watchers = new Map<string, () => void>();

  constructor(policy: Partial<BlockPolicy> = {}, statusIntervalMs = 5_000) {
    this.policy = { init_blocks: 1, min_blocks: 0, max_blocks: 1, nodes_per_block: 1, parallelism: 1, ...policy };
    this.statusIntervalMs = statusIntervalMs;
  }

  live(): string[] {
    return [...this.jobs].filter(([, { state }]) => !TERMINAL_STATES.has(state)).map(([id]) => id);
  }

  /** The scheduler changes its mind about a job. */
  set(id: string, status: JobStatus): void {
    if (TERMINAL_STATES.has(this.jobs.get(id)?.state ?? 'missing')) return;
    this.jobs.set(id, status);
    if (TERMINAL_STATES.has(status.state)) this.#watchers.get(id)?.();
  }

  async submit(spec: JobSpec): Promise<Job> {
    this.submitted.push(spec);
    if (this.isUnreachable) {
      throw new ComputeError('COMMAND_FAILED', 'sbatch: Unable to contact slurm controller (connect failure)');
    }
    if (this.submitFails) throw new ComputeError('SUBMIT_FAILED', 'sbatch: invalid account');
    // As the scaler numbers blocks: a submit that failed has taken a number, too.
    const id = `job-${/\d+$/.exec(spec.name)?.[0] ?? this.submitted.length - 1}`;
    this.jobs.set(id, { state: 'pending' });
    this.liveMax = Math.max(this.liveMax, this.live().length);
    return {
      id, name: spec.name, submittedAtMs: 0, stdoutPath: `${spec.folder}/out`, stderrPath: `${spec.folder}/err`,
    };
  }

  async status(ids: readonly string[]): Promise<Map<string, JobStatus>> {
    this.statusCalls += 1;
    if (this.statusFails) throw new ComputeError('COMMAND_FAILED', 'squeue did not end within 10 s');
    return new Map(ids.flatMap((id) => {
      const status = this.jobs.get(id);
      return status === undefined ? [] : [[id, status] as const];
    }));
  }

  async cancel(ids: readonly string[], force = false): Promise<void> {
    if (this.cancelFails) throw new ComputeError('COMMAND_FAILED', 'scancel did not end within 10 s');
    (force ? this.forced : this.cancelled).push(...ids);
    if (!this.cancelIsSlow || force) for (const id of ids) this.set(id, { state: 'cancelled' });
  }

  watch(id: string, onEnd: () => void): void {
    this.#watchers.set(id, onEnd);
  }

  adopt(job: Job): void {
    this.adopted.push(job);
    this.jobs.set(job.id, this.jobs.get(job.id) ?? { state: 'pending' });
  }

  recover({ name, folder }: Pick<JobSpec, 'name' | 'folder'>, submittedAtMs: number): Job {
    const job = { id: `?${name}`, name, submittedAtMs, stdoutPath: `${folder}/out`, stderrPath: `${folder}/err` };
    this.recovered.push(name);
    this.jobs.set(job.id, { state: 'unknown' });
    return job;
  }

  async stderrTail(job: Job): Promise<string> {
    return `stderr of ${job.id}`;
  }
}
