// The interchange of a simulated run: its real decisions and its real frames, on the simulated time and network.

import assert from 'node:assert/strict';
import { dispatch } from '../../engine/interchange/dispatch.ts';
import { react, type Event } from '../../engine/interchange/core.ts';
import { bundle, unbundle } from '../../engine/bundle.ts';
import {
  forwardFrames, fromClient, fromManager, resultFrames, taskFrames, toFrames, type Forwarded,
} from '../../engine/interchange/frames.ts';
import { summaryOf } from '../../engine/interchange/managers.ts';
import { emptyState, type Effect, type Policy, type State } from '../../engine/interchange/state.ts';
import type { FromInterchange, TaskId } from '../../src/common/protocol.ts';
import type { Frames, Line, Listening, Timeline } from './network.ts';

const TICK_MS = 1000;

export class SimInterchange implements Listening {
  readonly state: State;
  readonly #timeline: Timeline;
  readonly #toClient: (frames: Frames) => void;
  readonly #lines = new Map<string, Line>();
  readonly #stopTicking: () => void;
  /** Tasks that a cancellation has been seen for: they must not be given out any more. */
  readonly #cancelled = new Set<TaskId>();
  #forward: Forwarded[] = [];
  #turnEnds = false;
  #frozenUntilMs = 0;
  #loadDirty = false;
  /** Told of the tasks of each manager that is given up. */
  onLost: (ids: readonly TaskId[]) => void = () => { /* nobody asked */ };
  dead = false;

  constructor(timeline: Timeline, policy: Policy, replacement: boolean, toClient: (frames: Frames) => void) {
    this.#timeline = timeline;
    this.state = emptyState(policy, replacement, timeline.now);
    this.#toClient = toClient;
    this.#stopTicking = timeline.every(TICK_MS, () => this.#whenAwake(() => this.#handle({ type: 'tick' })));
  }

  onAttached(peer: string, line: Line): void {
    this.#lines.set(peer, line);
  }

  onGone(peer: string): void {
    this.#whenAwake(() => this.#handle({ type: 'gone', peer }));
  }

  onMessage(peer: string, frames: Frames): void {
    this.#whenAwake(() => this.#handle(fromManager(peer, bundle(frames))));
  }

  onClient(frames: Frames): void {
    this.#whenAwake(() => this.#onClient(frames));
  }

  #onClient(frames: Frames): void {
    const [whole] = bundle(frames);
    assert.ok(whole);
    const event = fromClient(unbundle([whole]), whole, this.#timeline.now);
    this.#handle(event);
    if (event.type !== 'from-client' || event.message.type !== 'cancel') return;
    for (const id of event.message.ids) this.#cancelled.add(id);
  }

  /** Stopped for a while; its connections stay. */
  freeze(ms: number): void {
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.#timeline.now + ms);
  }

  #whenAwake(run: () => void): void {
    if (this.dead) return;
    if (this.#timeline.now >= this.#frozenUntilMs) run();
    else this.#timeline.after(this.#frozenUntilMs - this.#timeline.now, () => this.#whenAwake(run));
  }

  /** Every connection breaks with it. */
  kill(): void {
    this.dead = true;
    this.#stopTicking();
    for (const line of this.#lines.values()) line.cut();
  }

  #handle(event: Event): void {
    if (this.dead) return;
    const before = event.type === 'tick' ? this.#holders() : undefined;
    const effects = react(this.state, event, this.#timeline.now);
    if (before !== undefined) this.#noticeLosses(before, effects);
    this.#perform(effects);
    if (this.#turnEnds) return;
    this.#turnEnds = true;
    this.#timeline.after(0, () => this.#endTurn());
  }

  #wakeIn(ms: number): void {
    this.#timeline.after(ms, () => this.#whenAwake(() => this.#handle({ type: 'tick' })));
  }

  #holders(): Map<string, TaskId[]> {
    const { tasks, managers } = this.state;
    return new Map([...managers.byPeer.values()].map((record) =>
      [record.id, record.held === 0 ? [] : [...tasks.ids(new Set([record.serial]))]]));
  }

  #noticeLosses(before: ReadonlyMap<string, TaskId[]>, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type !== 'to-client' || effect.message.type !== 'manager-left') continue;
      this.onLost(before.get(effect.message.manager) ?? []);
    }
  }

  #endTurn(): void {
    this.#turnEnds = false;
    if (this.dead) return;
    this.#perform(dispatch(this.state, this.#timeline.now));
    const batches = this.#forward.splice(0);
    if (batches.length === 0) return;
    this.#toClient(unbundle(forwardFrames(batches)));
  }

  #perform(effects: readonly Effect[]): void {
    const { now } = this.#timeline;
    for (const effect of effects) {
      switch (effect.type) {
        case 'dispatch': {
          const { manager, ranges } = effect;
          this.#checkDispatch(effect);
          this.#lines.get(manager.peer)?.answer(unbundle(taskFrames(this.state, manager, ranges, now)));
          break;
        }
        case 'forward':
          this.#forward.push(resultFrames(effect.results, effect.manager, effect.keep, now));
          break;
        case 'settle': {
          const ids = new Uint8Array(Float64Array.from(effect.ids).buffer);
          this.#tell({ type: 'ended', count: effect.ids.length, failure: effect.failure }, [ids]);
          break;
        }
        case 'to-client': this.#tell(effect.message); break;
        case 'to-manager': this.#lines.get(effect.peer)?.answer(toFrames(effect.message, [])); break;
        case 'wake': this.#wakeIn(effect.inMs + 1); break;
        case 'load-changed': this.#loadChanged(); break;
        case 'exit': this.kill(); break;
      }
    }
  }

  #checkDispatch({ manager, ranges }: Extract<Effect, { type: 'dispatch' }>): void {
    const { held, extra, slots, window } = manager;
    assert.ok(held + extra <= (extra > 0 ? slots : Math.max(slots, window)),
      `${manager.id} holds ${held} tasks on ${held + extra} of ${slots} slots, with a window of ${window}`);
    assert.ok(!manager.draining && manager.awayAtMs === undefined, `${manager.id} gets tasks and takes none`);
    assert.equal(this.state.recovery, undefined, 'nothing is given out in a recovery');
    for (const { batch, from, to } of ranges) {
      for (const id of batch.ids.subarray(from, to)) {
        assert.ok(!this.#cancelled.has(id as TaskId), `task ${id} is given out after it was cancelled`);
      }
    }
  }

  #tell(message: FromInterchange, frames: Frames = []): void {
    this.#toClient(toFrames(message, frames));
  }

  #loadChanged(): void {
    if (this.#loadDirty) return;
    this.#loadDirty = true;
    this.#timeline.after(100, () => {
      this.#loadDirty = false;
      const { tasks, managers, connectedBlocks } = this.state;
      if (this.dead) return;
      this.#tell({
        type: 'load',
        load: {
          waiting: tasks.waiting, held: tasks.held, extraSlots: managers.extraSlots() + tasks.waitingExtra,
          connectedBlocks: [...connectedBlocks],
          managers: [...managers.byPeer.values()].map(summaryOf),
        },
      });
    });
  }
}

/** What the interchange counts must be what there is. `tasks`: every id that was ever given. */
export function checkCounters({ tasks, managers }: State, ids: number): void {
  let waiting = 0;
  let held = 0;
  const byManager = new Map<number, number>();
  const extraByManager = new Map<number, number>();
  let waitingWide = 0;
  for (let id = 1; id <= ids; id++) {
    const extra = (tasks.batchOf(id)?.kind.footprint?.width ?? 1) - 1;
    if (tasks.isWaiting(id)) {
      waiting++;
      if (extra > 0) waitingWide++;
    }
    const holder = tasks.holder(id);
    if (holder === undefined) continue;
    held++;
    byManager.set(holder, (byManager.get(holder) ?? 0) + 1);
    extraByManager.set(holder, (extraByManager.get(holder) ?? 0) + extra);
  }
  let freeSlots = 0;
  let inLine = 0;
  for (const record of managers.byPeer.values()) {
    const holds = byManager.get(record.serial) ?? 0;
    if (record.held !== holds) assert.equal(record.held, holds, `tasks of ${record.id}`);
    byManager.delete(record.serial);
    assert.equal(record.extra, extraByManager.get(record.serial) ?? 0, `slots of ${record.id}`);
    const free = record.slots - record.extra - record.held;
    if (!record.draining && record.awayAtMs === undefined && !record.kept) freeSlots += Math.max(0, free);
    inLine += Math.max(0, -free);
  }
  assert.equal(tasks.waitingWide, waitingWide);
  const isRight = tasks.waiting === waiting && tasks.held === held && byManager.size === 0
    && managers.freeSlots === freeSlots && managers.inLine === inLine;
  if (isRight) return; // the usual case, many thousand times
  const counted = { waiting: tasks.waiting, held: tasks.held, freeSlots: managers.freeSlots, inLine: managers.inLine };
  assert.deepEqual({ ...counted, strays: byManager.size }, { waiting, held, freeSlots, inLine, strays: 0 });
}
