// Time, chance and the network of a simulated run: one queue of events, one seed, connections that break.

export type Frames = readonly Uint8Array[];

/** Small and fast, and the same numbers for the same seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 to 1, without 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  whole(least: number, most: number): number {
    return Math.floor(this.between(least, most + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.next() * list.length)];
  }
}

interface Moment {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** What is to happen, in the order of its time; what is due at the same time, in the order it was asked for. */
export class Timeline {
  now = 1_000_000;
  #order = 0;
  readonly #heap: Moment[] = [];

  /** Returns what takes it off again. */
  after(ms: number, run: () => void): () => void {
    const moment: Moment = { atMs: this.now + ms, order: this.#order++, run };
    this.#heap.push(moment);
    this.#up(this.#heap.length - 1);
    return () => { moment.run = undefined; };
  }

  every(ms: number, run: () => void): () => void {
    let stop = (): void => { /* replaced at once */ };
    const arm = (): void => { stop = this.after(ms, () => { arm(); run(); }); };
    arm();
    return () => stop();
  }

  /** Lets the next thing happen. */
  step(): void {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined) throw new Error('nothing is left to happen');
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#down();
    }
    if (first.run === undefined) return;
    this.now = first.atMs;
    first.run();
  }

  #up(from: number): void {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfSooner(at, parent)) return;
      at = parent;
    }
  }

  #down(): void {
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      const child = left + 1 < this.#heap.length && this.#sooner(left + 1, left) ? left + 1 : left;
      if (child >= this.#heap.length || !this.#swapIfSooner(child, at)) return;
      at = child;
    }
  }

  #sooner(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || other === undefined) return false;
    return one.atMs === other.atMs ? one.order < other.order : one.atMs < other.atMs;
  }

  #swapIfSooner(child: number, parent: number): boolean {
    const [one, other] = [this.#heap[child], this.#heap[parent]];
    if (one === undefined || other === undefined || !this.#sooner(child, parent)) return false;
    this.#heap[child] = other;
    this.#heap[parent] = one;
    return true;
  }
}

/** The end that listens. */
export interface Listening {
  onMessage(peer: string, frames: Frames): void;
  onAttached(peer: string, line: Line): void;
  onGone(peer: string): void;
}

/** The end that connects. */
export interface Dialing {
  readonly peer: string;
  onMessage(frames: Frames): void;
  onConnection(connected: boolean): void;
}

/** A pipe with a delay, in which nothing overtakes. What is in it when it breaks is lost. */
export class Pipe {
  readonly #timeline: Timeline;
  readonly #random: Random;
  #arrivesAtMs = 0;
  #epoch = 0;

  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#random = random;
  }

  send(deliver: () => void): void {
    const epoch = this.#epoch;
    const slow = this.#random.chance(0.02) ? this.#random.between(5, 400) : 0;
    this.#arrivesAtMs = Math.max(this.#arrivesAtMs, this.#timeline.now + this.#random.between(0.05, 2) + slow);
    this.#timeline.after(this.#arrivesAtMs - this.#timeline.now, () => {
      if (epoch === this.#epoch) deliver();
    });
  }

  /** Loses what is in it. */
  cut(): void {
    this.#epoch++;
  }
}

/** A manager's connection: comes back by itself, keeps what is sent while it is down, loses what was on the way. */
export class Line {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #listener: () => Listening | undefined;
  readonly #dialer: Dialing;
  readonly #out: Pipe;
  readonly #back: Pipe;
  #peerEnd: Listening | undefined;
  #queued: Frames[] = [];
  #closed = false;

  constructor(timeline: Timeline, random: Random, listener: () => Listening | undefined, dialer: Dialing) {
    this.#timeline = timeline;
    this.#random = random;
    this.#listener = listener;
    this.#dialer = dialer;
    this.#out = new Pipe(timeline, random);
    this.#back = new Pipe(timeline, random);
    this.#connect();
  }

  /** From the manager. `twice`: the network brings it a second time. */
  send(frames: Frames, twice = false): void {
    const end = this.#peerEnd;
    if (end === undefined) {
      this.#queued.push(frames);
      return;
    }
    for (let i = 0; i < (twice ? 2 : 1); i++) this.#out.send(() => end.onMessage(this.#dialer.peer, frames));
  }

  /** To the manager. */
  answer(frames: Frames): void {
    if (this.#peerEnd !== undefined) this.#back.send(() => this.#dialer.onMessage(frames));
  }

  /** A reset. Now and then the listener does not notice, until the next connection takes the name over. */
  cut(): void {
    if (this.#closed || this.#peerEnd === undefined) return;
    this.#drop(!this.#random.chance(0.3));
    this.#back.send(() => this.#dialer.onConnection(false));
    this.#timeline.after(this.#random.chance(0.2) ? this.#random.between(500, 4000) : 50, () => this.#connect());
  }

  /** The process ended: its connection breaks, what it had sent arrives. */
  close(): void {
    this.#closed = true;
    const end = this.#peerEnd;
    this.#peerEnd = undefined;
    this.#back.cut();
    if (end !== undefined) this.#out.send(() => end.onGone(this.#dialer.peer));
  }

  /** The node is gone, and nobody is told. */
  vanish(): void {
    this.#closed = true;
    this.#peerEnd = undefined;
    this.#out.cut();
    this.#back.cut();
  }

  #drop(told: boolean): void {
    const end = this.#peerEnd;
    this.#peerEnd = undefined;
    this.#out.cut();
    this.#back.cut();
    if (told && end !== undefined) this.#out.send(() => end.onGone(this.#dialer.peer));
  }

  #connect(): void {
    if (this.#closed || this.#peerEnd !== undefined) return;
    const end = this.#listener();
    if (end === undefined) {
      this.#timeline.after(this.#random.between(50, 500), () => this.#connect());
      return;
    }
    this.#peerEnd = end;
    end.onAttached(this.#dialer.peer, this);
    for (const frames of this.#queued.splice(0)) this.send(frames);
    this.#back.send(() => this.#dialer.onConnection(true));
  }
}
