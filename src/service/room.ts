// What a file system has left. Looking takes longer than anything else that is done before a task is sent, so it is
// done a few times a second, and in between what was taken is counted.

import type { Clock } from '../common/clock.ts';

export interface RoomDeps {
  readonly freeBytes: () => Promise<number>;
  readonly clock: Pick<Clock, 'now'>;
}

const LOOK_MS = 100;

export class Room {
  readonly #deps: RoomDeps;
  #free = 0;
  #lookAtMs = -Infinity;

  constructor(deps: RoomDeps) {
    this.#deps = deps;
  }

  /** Whether it has `bytes`, with `spare` left over. */
  async take(bytes: number, spare: number): Promise<boolean> {
    if (this.#free < bytes + spare || this.#deps.clock.now() >= this.#lookAtMs) await this.#look();
    if (this.#free < bytes + spare) return false;
    this.#free -= bytes;
    return true;
  }

  async #look(): Promise<void> {
    this.#free = await this.#deps.freeBytes();
    this.#lookAtMs = this.#deps.clock.now() + LOOK_MS;
  }
}
