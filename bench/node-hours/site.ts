// A scheduler, its jobs and the tasks on them, in virtual time. Whoever decides about blocks does it through `submit`,
// `drain` and `cancel`; what that costs and when the work is done is counted here, for everybody alike.

import { CLUSTER, SLOTS_PER_BLOCK, type Phase, type TraceTask } from './trace.ts';
import type { VirtualClock } from './virtual-time.ts';

export interface SimJob {
  readonly number: number;
  state: 'pending' | 'running' | 'ended';
  startedAtMs: number | undefined;
  connected: boolean;
  /** Takes no more tasks, and ends when it has none. */
  draining: boolean;
  held: number;
  idleSinceMs: number | undefined;
}

interface Open {
  readonly task: TraceTask;
  readonly phase: number;
}

/** What one task's run time counts for, beside all before it. */
const NEWS = 0.05;

/** Which of the blocks with a free slot gets the next task. */
export type Placement = (free: readonly SimJob[]) => SimJob | undefined;

export class SimSite {
  readonly jobs: SimJob[] = [];
  readonly #clock: VirtualClock;
  readonly #placement: Placement;
  readonly #onChange: () => void;
  readonly #waiting: Open[] = [];
  #next = 0;
  readonly #left: number[];
  /** When the last task of each phase ended. */
  readonly doneAtMs: number[];
  #nodeMs = 0;
  /** Tasks that have come and not ended. */
  open = 0;
  /** How long tasks ran lately. */
  runMs: number | undefined;

  constructor(phases: readonly Phase[], clock: VirtualClock, placement: Placement, onChange: () => void) {
    this.#clock = clock;
    this.#placement = placement;
    this.#onChange = onChange;
    this.#left = phases.map(({ tasks }) => tasks.length);
    this.doneAtMs = phases.map(() => Infinity);
    for (const [phase, { tasks }] of phases.entries()) this.#expect(phase, tasks);
  }

  get live(): SimJob[] {
    return this.jobs.filter(({ state }) => state !== 'ended');
  }

  get done(): boolean {
    return this.#left.every((count) => count === 0);
  }

  /** What is charged until now. */
  get nodeHours(): number {
    const running = this.live.reduce((sum, { startedAtMs }) =>
      sum + (startedAtMs === undefined ? 0 : this.#clock.now() - startedAtMs), 0);
    return (this.#nodeMs + running * CLUSTER.nodesPerBlock) / 3_600_000;
  }

  submit(): SimJob {
    const number = this.jobs.length;
    const job: SimJob = {
      number, state: 'pending', startedAtMs: undefined, connected: false, draining: false, held: 0,
      idleSinceMs: undefined,
    };
    this.jobs.push(job);
    const { queueWaitsMs, startUpMs } = CLUSTER;
    this.#clock.after(queueWaitsMs[number % queueWaitsMs.length] ?? 0, () => {
      if (job.state === 'ended') return;
      job.state = 'running';
      job.startedAtMs = this.#clock.now();
      this.#clock.after(startUpMs, () => this.#connect(job));
    });
    return job;
  }

  drain(job: SimJob): void {
    job.draining = true;
    this.#leave(job);
    this.#onChange();
  }

  cancel(job: SimJob): void {
    if (job.held > 0) throw new Error('a block with tasks was cancelled: nothing here does that');
    this.#end(job);
    this.#onChange();
  }

  /** Tasks that come at one time are one event. */
  #expect(phase: number, tasks: readonly TraceTask[]): void {
    const groups = new Map<number, TraceTask[]>();
    for (const task of tasks) {
      const group = groups.get(task.atMs);
      if (group === undefined) groups.set(task.atMs, [task]);
      else group.push(task);
    }
    for (const [atMs, group] of groups) {
      this.#clock.after(atMs, () => {
        for (const task of group) this.#waiting.push({ task, phase });
        this.open += group.length;
        this.#dispatch();
        this.#onChange();
      });
    }
  }

  #connect(job: SimJob): void {
    if (job.state === 'ended') return;
    job.connected = true;
    job.idleSinceMs = this.#clock.now();
    this.#leave(job);
    this.#dispatch();
    this.#onChange();
  }

  #dispatch(): void {
    while (this.#next < this.#waiting.length) {
      const free = this.jobs.filter(({ state, connected, draining, held }) =>
        state === 'running' && connected && !draining && held < SLOTS_PER_BLOCK);
      const job = this.#placement(free);
      const open = this.#waiting[this.#next];
      if (job === undefined || open === undefined) return;
      this.#next++;
      job.held++;
      job.idleSinceMs = undefined;
      this.#clock.after(open.task.runMs, () => this.#finish(job, open));
    }
  }

  #finish(job: SimJob, { phase, task: { runMs } }: Open): void {
    const now = this.#clock.now();
    this.runMs = this.runMs === undefined ? runMs : this.runMs + (runMs - this.runMs) * NEWS;
    job.held--;
    this.open--;
    if (job.held === 0) job.idleSinceMs = now;
    this.#left[phase] = (this.#left[phase] ?? 0) - 1;
    if (this.#left[phase] === 0) this.doneAtMs[phase] = now;
    this.#leave(job);
    this.#dispatch();
    this.#onChange();
  }

  #leave(job: SimJob): void {
    if (job.draining && job.connected && job.held === 0) this.#end(job);
  }

  #end(job: SimJob): void {
    if (job.state === 'ended') return;
    job.state = 'ended';
    if (job.startedAtMs !== undefined) this.#nodeMs += (this.#clock.now() - job.startedAtMs) * CLUSTER.nodesPerBlock;
  }
}
