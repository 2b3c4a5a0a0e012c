// A run of the engine in one thread: client, interchange, blocks and managers on one simulated clock, and what happens
// to them. After every step it is looked whether all that must hold does.

import assert from 'node:assert/strict';
import type { FunctionId, Kind, TaskId } from '../../src/common/protocol.ts';
import { SimBlocks } from './blocks.ts';
import { SimClient, type Ending } from './client.ts';
import { checkCounters, SimInterchange } from './interchange.ts';
import type { Nature, SimManager } from './manager.ts';
import { Pipe, Random, Timeline, type Frames } from './network.ts';

const POLICY = {
  heartbeatPeriodMs: 1000, heartbeatThresholdMs: 4000, reconnectGraceMs: 1000, killsMax: 3,
  prefetchCapacity: 0, managerSelector: 'random',
} as const;
/** So long work arrives and things break. */
const TROUBLE_MS = 25_000;
/** After that, so long until everything must have settled. */
const SETTLE_MS = 240_000;

/** What really happened to a task: what it may be charged with. */
interface Record {
  readonly kind: Kind;
  readonly nature: Nature;
  raised: number;
  workersLost: number;
  /** Managers that ended or were given up while they had it. */
  managersLost: number;
}

export class World {
  readonly timeline = new Timeline();
  readonly #random: Random;
  readonly #client: SimClient;
  readonly #blocks: SimBlocks;
  readonly #records = new Map<TaskId, Record>();
  #interchange: SimInterchange;
  #waitingFailed = false;
  steps = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#client = new SimClient(this.timeline, this.#random);
    this.#interchange = this.#startInterchange(false);
    this.#blocks = new SimBlocks({
      timeline: this.timeline, random: this.#random, client: this.#client,
      listener: () => (this.#interchange.dead ? undefined : this.#interchange),
      witness: {
        natureOf: (id) => this.#record(id).nature,
        onRaised: (id) => { this.#record(id).raised++; },
        onWorkerLost: (id) => { this.#record(id).workersLost++; },
        onEnded: () => { /* what it costs its tasks is for the interchange to say */ },
      },
    });
  }

  /** Trouble, then rest; throws where something does not hold. */
  run(): void {
    const start = this.timeline.now;
    this.#arrive();
    this.#break();
    this.#until(() => this.timeline.now - start >= TROUBLE_MS, TROUBLE_MS + 1000);
    this.#until(() => this.#client.open === 0, SETTLE_MS);
    this.#until(() => this.#isQuiet(), SETTLE_MS);
    for (const [id, record] of this.#records) this.#checkEnding(id, record, this.#client.endings.get(id));
  }

  #until(done: () => boolean, limitMs: number): void {
    const end = this.timeline.now + limitMs;
    while (!done()) {
      this.timeline.step();
      this.steps++;
      checkCounters(this.#interchange.state, this.#client.submitted);
      assert.ok(this.timeline.now <= end, `open after ${limitMs / 1000} s: ${this.#client.openIds().join(', ')}`);
    }
  }

  /** Nothing of any task is left in the interchange. */
  #isQuiet(): boolean {
    const { tasks, strikes, cancelled } = this.#interchange.state;
    return tasks.waiting + tasks.held + strikes.size + cancelled.size === 0;
  }

  #arrive(): void {
    const random = this.#random;
    const rounds = random.whole(2, 8);
    for (let round = 0; round < rounds; round++) {
      this.timeline.after(random.between(0, TROUBLE_MS * 0.8), () => {
        const kind = this.#kind(round);
        const ids = this.#client.submit(kind, random.whole(1, 25));
        for (const id of ids) {
          this.#records.set(id, { kind, nature: this.#nature(), raised: 0, workersLost: 0, managersLost: 0 });
        }
        if (random.chance(0.3)) this.#cancelSome(ids);
      });
    }
  }

  #kind(round: number): Kind {
    const random = this.#random;
    return {
      fn: `f${round % 3}` as FunctionId, timeoutMs: 0,
      retries: random.chance(0.5) ? 0 : random.whole(1, 5),
      minRemainingMs: random.chance(0.2) ? 5000 : 0,
      ...(random.chance(0.3) ? { priority: random.whole(-1, 1) } : {}),
      ...(random.chance(0.3) ? { footprint: { width: random.whole(1, this.#blocks.slots + 1), asked: {} } } : {}),
    };
  }

  #nature(): Nature {
    const random = this.#random;
    const kills = random.chance(0.02) ? 'worker' : random.chance(0.01) ? 'manager' : 'nothing';
    return {
      runMs: random.chance(0.1) ? random.between(1000, 8000) : random.between(1, 500),
      raises: random.chance(0.15) ? random.whole(1, 4) : 0,
      kills,
    };
  }

  #cancelSome(ids: readonly TaskId[]): void {
    const some = ids.filter(() => this.#random.chance(0.5));
    this.timeline.after(this.#random.between(0, 5000), () => {
      if (some.length > 0) this.#client.cancel(some);
    });
  }

  /** Faults, each at its time. */
  #break(): void {
    const random = this.#random;
    const often = random.whole(0, 12);
    for (let i = 0; i < often; i++) {
      this.timeline.after(random.between(500, TROUBLE_MS), () => {
        const manager = random.pick(this.#blocks.managers);
        const fault = random.next();
        if (fault < 0.08) this.#replaceInterchange();
        else if (fault < 0.1) this.#failWaiting();
        else if (fault < 0.15) this.#interchange.freeze(random.between(500, 6000));
        else if (manager !== undefined) this.#breakManager(manager, fault);
      });
    }
  }

  #breakManager(manager: SimManager, fault: number): void {
    const random = this.#random;
    if (fault < 0.55) manager.cut();
    else if (fault < 0.7) manager.freeze(random.between(500, 9000));
    else if (fault < 0.8) manager.term();
    else manager.die(random.chance(0.3));
  }

  #failWaiting(): void {
    this.#waitingFailed = true;
    this.#client.failWaiting({ code: 'BLOCKS_FAILED', name: 'ComputeError', message: 'every block failed' });
  }

  #startInterchange(replacement: boolean): SimInterchange {
    const toClient = new Pipe(this.timeline, this.#random);
    const deliver = (frames: Frames): void => {
      const isResult = frames.length > 1;
      const times = isResult && this.#random.chance(0.01) ? 2 : 1;
      for (let i = 0; i < times; i++) toClient.send(() => this.#client.onMessage(frames));
    };
    const interchange = new SimInterchange(this.timeline, POLICY, replacement, deliver);
    this.#interchange = interchange;
    interchange.onLost = (ids) => { for (const id of ids) this.#record(id).managersLost++; };
    this.#client.connect(interchange, replacement);
    return interchange;
  }

  #replaceInterchange(): void {
    if (this.#interchange.dead) return;
    this.#interchange.kill();
    this.#client.lose();
    this.timeline.after(this.#random.between(100, 1500), () => this.#startInterchange(true));
  }

  #record(id: TaskId): Record {
    const record = this.#records.get(id);
    if (record === undefined) throw new Error(`task ${id} was never submitted`);
    return record;
  }

  /** A task ends well, or for a reason that really was. */
  #checkEnding(id: TaskId, record: Record, ending: Ending | undefined): void {
    const { kind, nature, raised, workersLost, managersLost } = record;
    const says = `task ${id} ended with ${ending}: ${JSON.stringify(record)}`;
    const isTrue: { [E in Ending]?: boolean } = {
      ok: nature.kills === 'nothing',
      TASK_RAISED: raised > kind.retries,
      WORKER_LOST: workersLost > kind.retries,
      TASK_CANCELLED: this.#client.cancelled.has(id),
      BLOCKS_FAILED: this.#waitingFailed,
      TASK_TOO_LARGE: (kind.footprint?.width ?? 1) > this.#blocks.slots,
      // Of the managers that it was on, the first loss only casts suspicion.
      TASK_BLAMED: workersLost + Math.max(0, managersLost - 1) >= POLICY.killsMax,
    };
    assert.ok(ending !== undefined && isTrue[ending] === true, says);
  }
}
