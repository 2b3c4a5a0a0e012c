// Parsl's scaling as its documentation and its behaviour describe it, said again in our words, over the same site: the
// strategies `simple` and `htex_auto_scale` with what goes wrong in them. It counts blocks as of its last look at the
// scheduler, once a minute; a block in the queue has been idle for ever; asked to scale in by nothing, it takes all
// that are idle. It is given the right number of workers per node, which it would have to guess.

import { SimSite, type SimJob } from './site.ts';
import { CLUSTER, numbers, SLOTS_PER_BLOCK, type Phase } from './trace.ts';
import type { Settings, Spent } from './ours.ts';
import { VirtualClock } from './virtual-time.ts';

const PERIOD_MS = 5_000;
const STATUS_INTERVAL_MS = 60_000;
const PARALLELISM = 1;

export async function runParsl(phases: readonly Phase[], settings: Settings): Promise<Spent> {
  const clock = new VirtualClock();
  const random = numbers(1);
  // Any manager that has room.
  const site = new SimSite(phases, clock, (free) => free[Math.floor(random() * free.length)], () => { /* it polls */ });
  const strategy = new ParslStrategy(site, settings, () => clock.now());
  strategy.tick();
  clock.every(PERIOD_MS, () => strategy.tick());
  await clock.runUntil(() => site.done);
  return { nodeHours: site.nodeHours, jobs: site.jobs.length, doneAtMs: site.doneAtMs };
}

export class ParslStrategy {
  readonly #site: SimSite;
  readonly #settings: Settings;
  readonly #now: () => number;
  /** Blocks that it takes for pending or running. */
  #active = new Set<SimJob>();
  #polledAtMs = -Infinity;
  #idleSinceMs: number | undefined;

  constructor(site: SimSite, settings: Settings, now: () => number) {
    this.#site = site;
    this.#settings = settings;
    this.#now = now;
  }

  tick(): void {
    this.#poll();
    const { open: tasks } = this.#site;
    const blocks = this.#active.size;
    const slots = blocks * SLOTS_PER_BLOCK;
    if (tasks > 0) this.#idleSinceMs = undefined;
    if (tasks === 0) this.#whenIdle();
    else if (slots / tasks < PARALLELISM) {
      const excess = Math.ceil(tasks * PARALLELISM - slots);
      this.#scaleOut(Math.min(Math.ceil(excess / SLOTS_PER_BLOCK), CLUSTER.blocksMax - blocks));
    } else if (slots > tasks && this.#settings.strategy === 'htex_auto_scale' && blocks > 0) {
      const excess = Math.floor(slots - tasks * PARALLELISM);
      this.#scaleIn(Math.min(Math.floor(excess / SLOTS_PER_BLOCK), blocks), this.#settings.maxIdletime * 1000);
    }
  }

  #poll(): void {
    if (this.#now() < this.#polledAtMs + STATUS_INTERVAL_MS) return;
    this.#polledAtMs = this.#now();
    for (const job of this.#active) if (job.state === 'ended') this.#active.delete(job);
  }

  #whenIdle(): void {
    this.#idleSinceMs ??= this.#now();
    if (this.#now() - this.#idleSinceMs > this.#settings.maxIdletime * 1000) this.#scaleIn(this.#active.size);
  }

  #scaleOut(count: number): void {
    for (let n = 0; n < count; n++) this.#active.add(this.#site.submit());
  }

  /** Without `idleMs`: whatever they do. */
  #scaleIn(count: number, idleMs?: number): void {
    const idleOf = (job: SimJob): number =>
      (job.connected ? this.#now() - (job.idleSinceMs ?? this.#now()) : Infinity);
    const sorted = [...this.#active].toSorted((a, b) => {
      const [first, second] = [idleOf(a), idleOf(b)];
      return first === second ? a.held - b.held : second - first;
    });
    const chosen: SimJob[] = [];
    for (const job of sorted) {
      if (idleMs !== undefined && (idleOf(job) <= idleMs || job.held > 0)) continue;
      chosen.push(job);
      if (chosen.length === count) break; // asked for none, it never comes here with none
    }
    for (const job of chosen) {
      this.#active.delete(job);
      this.#site.cancel(job);
    }
  }
}
