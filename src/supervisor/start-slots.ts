// How many user endpoints may be coming up at once: each takes a core for a second, and all of them together would take
// so long that none is up in time. Who waits is served in the order of coming, but nobody takes more than half.

interface Waiting {
  readonly uid: number;
  readonly go: (release: () => void) => void;
}

export interface SlotLimits {
  readonly atOnce: number;
  readonly waiting: number;
  readonly waitingPerUser: number;
}

export class StartSlots {
  readonly #limits: SlotLimits;
  readonly #perUser: number;
  readonly #busy = new Map<number, number>();
  #taken = 0;
  #waiting: Waiting[] = [];

  constructor(limits: SlotLimits) {
    this.#limits = limits;
    this.#perUser = Math.max(1, Math.floor(limits.atOnce / 2));
  }

  /** What gives the slot back, once there is one; undefined at once when too many wait already. */
  take(uid: number): Promise<() => void> | undefined {
    const { waiting, waitingPerUser } = this.#limits;
    const own = this.#waiting.filter((one) => one.uid === uid).length;
    if (this.#waiting.length >= waiting || own >= waitingPerUser) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push({ uid, go: resolve });
      this.#serve();
    });
  }

  #serve(): void {
    while (this.#taken < this.#limits.atOnce) {
      const next = this.#waiting.findIndex(({ uid }) => (this.#busy.get(uid) ?? 0) < this.#perUser);
      const [one] = next < 0 ? [] : this.#waiting.splice(next, 1);
      if (one === undefined) return;
      this.#taken++;
      this.#busy.set(one.uid, (this.#busy.get(one.uid) ?? 0) + 1);
      one.go(this.#releaseOf(one.uid));
    }
  }

  #releaseOf(uid: number): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#taken--;
      const left = (this.#busy.get(uid) ?? 1) - 1;
      if (left === 0) this.#busy.delete(uid);
      else this.#busy.set(uid, left);
      this.#serve();
    };
  }
}
