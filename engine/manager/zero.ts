// A crew that acknowledges tasks without running them: what remains is the scheduler, to be measured by itself.

import type { TaskId } from '../../src/common/protocol.ts';
import type { Clock } from '../../src/common/clock.ts';
import { acknowledgeAll } from './failed.ts';
import type { Segment } from './line.ts';
import type { Crew, ManagerLink } from './link.ts';
import { LINE_TASKS_MAX } from './pace.ts';

export class ZeroCrew implements Crew {
  readonly slots: number;
  readonly workers: number;
  readonly draining = false; // it has left as soon as it is told to
  readonly #link: ManagerLink;
  readonly #clock: Clock;
  readonly #onDrained: () => void;

  constructor(slots: number, deps: { link: ManagerLink; clock: Clock; onDrained: () => void }) {
    this.slots = slots;
    this.workers = slots;
    this.#link = deps.link;
    this.#clock = deps.clock;
    this.#onDrained = deps.onDrained;
  }

  window(): number {
    return this.slots * (1 + LINE_TASKS_MAX); // as workers do whose tasks take no time
  }

  held(): TaskId[] {
    return []; // it is done with a task before it hears of the next
  }

  onTasks(segments: readonly Segment[]): void {
    for (const segment of segments) {
      const { header, frames } = acknowledgeAll(segment, this.#clock.now());
      this.#link.report(header, frames);
    }
  }

  onFunctions(): void { /* nothing is run */ }

  onCancel(): void { /* already acknowledged */ }

  onDrop(): void { /* already acknowledged */ }

  onRecall(): void {
    this.#link.send({ type: 'returned', ids: [] });
  }

  onDrain(): void {
    this.#link.send({ type: 'draining' });
    this.#onDrained();
  }
}
