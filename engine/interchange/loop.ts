// Sockets and ticks → events; effects → sockets. The first message of a turn of the event loop is answered at once, for
// it is most often the only one; all others of the turn are answered together at its end: results that came together
// leave together, and tasks are dispatched after every slot that was freed is known.

import type { Clock } from '../../src/common/clock.ts';
import type { Logger } from '../../src/common/log.ts';
import { unreachable } from '../../src/common/errors.ts';
import type { InterchangeConfig, InterchangeReady } from '../../src/common/process-config.ts';
import type { FromInterchange, ToManager } from '../../src/common/protocol.ts';
import type { Pipe } from '../pipe.ts';
import { Gatekeeper, Listener, type Frame } from '../socket.ts';
import { react, type Event } from './core.ts';
import { dispatch } from './dispatch.ts';
import {
  forwardFrames, fromClient, fromManager, resultFrames, taskFrames, toFrames, type Forwarded,
} from './frames.ts';
import { summaryOf } from './managers.ts';
import { emptyState, type Effect, type State } from './state.ts';

export interface InterchangeDeps {
  readonly log: Logger;
  readonly clock: Clock;
  /** The line to the client. */
  readonly client: Pipe;
  /** Fires when the client is gone (the reason is CLIENT_GONE then), or somebody asked for the end. */
  readonly signal: AbortSignal;
  readonly announce: (ready: InterchangeReady) => void;
}

export const CLIENT_GONE = 'the client is gone';
/** How often the state is looked over while nothing happens. */
const TICK_MS = 1000;
/** The load is reported at most this often; with very many managers less, because the report names each of them. */
const LOAD_EVERY_MS = 250;
/** How long the port of a predecessor may still be taken. */
const PREDECESSOR_MAX_MS = 3000;
const PREDECESSOR_LOOK_MS = 50;

export async function runInterchange(config: InterchangeConfig, deps: InterchangeDeps): Promise<number> {
  const gatekeeper = config.keys === null ? undefined : new Gatekeeper(new Map([
    [config.keys.managerPublicKey, 'manager'],
  ]));
  await gatekeeper?.start();
  const { client } = deps;
  const managers = new Listener(
    config.keys === null ? null : { secretKey: config.keys.server.secretKey, domain: 'manager' });
  deps.announce({ type: 'ready', managerPort: await bindInRange(managers, config, deps.clock) });
  const loop = new InterchangeLoop(config, deps, managers);
  await loop.run();
  await Promise.all([client.close(), managers.close()]);
  await gatekeeper?.close();
  return 0;
}

async function bindInRange(listener: Listener, config: InterchangeConfig, clock: Clock): Promise<number> {
  const { managerAddress, managerPort, portRange } = config;
  if (managerPort !== 0 && config.managersWait) return bindAfter(listener, config, clock);
  if (managerPort !== 0 || portRange === null) return listener.bind(managerAddress, managerPort);
  const [first, last] = portRange;
  // From anywhere on: the port that a killed run had should not be the next one's, it may be started again.
  const from = Math.floor(Math.random() * (last - first));
  for (let n = 0; n < last - first; n++) {
    const port = first + (from + n) % (last - first);
    try {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
      return await listener.bind(managerAddress, port);
    } catch { /* taken: the next one */ }
  }
  throw new Error(`no free port from ${first} to ${last - 1} on ${managerAddress}`);
}

/** The interchange of the client that was killed may just be leaving. */
async function bindAfter(listener: Listener, config: InterchangeConfig, clock: Clock): Promise<number> {
  for (const endMs = clock.now() + PREDECESSOR_MAX_MS; ;) {
    try {
      return await listener.bind(config.managerAddress, config.managerPort);
    } catch (error) {
      if (clock.now() >= endMs) throw error;
      await clock.sleep(PREDECESSOR_LOOK_MS);
    }
  }
}

class InterchangeLoop {
  readonly #config: InterchangeConfig;
  readonly #deps: InterchangeDeps;
  readonly #managers: Listener;
  readonly #state: State;
  readonly #ended = deferred();
  /** Result batches on their way to the client at the end of this turn. */
  #forward: Forwarded[] = [];
  /** Something was handled in this turn; and more, that waits for its end. */
  #inTurn = false;
  #more = false;
  #wakeAtMs = Infinity;
  #wake: NodeJS.Timeout | undefined;
  #loadDirty = false;
  #loadTimer: NodeJS.Timeout | undefined;
  #badMessages = 0;

  constructor(config: InterchangeConfig, deps: InterchangeDeps, managers: Listener) {
    this.#config = config;
    this.#deps = deps;
    this.#managers = managers;
    this.#state = emptyState(config, config.replacement, deps.clock.now());
  }

  async run(): Promise<void> {
    const { client, clock, signal } = this.#deps;
    // Its stdin, not this line, says that the client is gone.
    client.listen((frames, whole) => this.#take(() => fromClient(frames, whole, clock.now()), 'client'));
    this.#managers.listen(
      (peer, frames) => this.#take(() => fromManager(peer, frames), peer),
      (peer) => this.#handle({ type: 'gone', peer }),
    );
    const stopTicking = clock.every(TICK_MS, () => this.#handle({ type: 'tick' }));
    const onAbort = (): void => {
      const wait = this.#config.managersWait && signal.reason === CLIENT_GONE;
      if (!wait) for (const peer of this.#state.managers.byPeer.keys()) this.#toManager(peer, { type: 'stop' });
      this.#ended.resolve();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    await this.#ended.promise;
    stopTicking();
    clearTimeout(this.#wake);
    clearTimeout(this.#loadTimer);
  }

  /** A message that does not parse is counted and dropped: nobody but its sender is the worse for it. */
  #take(read: () => Event, from: string): void {
    let event: Event;
    try {
      event = read();
    } catch (err) {
      this.#badMessages++;
      if (this.#badMessages <= 10) this.#deps.log.warn({ err, manager: from }, 'message dropped');
      return;
    }
    this.#handle(event);
  }

  #handle(event: Event): void {
    this.#perform(react(this.#state, event, this.#deps.clock.now()));
    if (this.#inTurn) {
      this.#more = true;
      return;
    }
    this.#inTurn = true;
    this.#answer();
    process.nextTick(() => this.#endTurn()); // after every message that is there already
  }

  #endTurn(): void {
    this.#inTurn = false;
    if (!this.#more) return;
    this.#more = false;
    this.#answer();
  }

  #answer(): void {
    if (this.#forward.length > 0) {
      this.#deps.client.send(forwardFrames(this.#forward));
      this.#forward = [];
    }
    this.#perform(dispatch(this.#state, this.#deps.clock.now()));
  }

  #perform(effects: readonly Effect[]): void {
    const now = this.#deps.clock.now();
    for (const effect of effects) {
      switch (effect.type) {
        case 'dispatch': {
          this.#managers.send(effect.manager.peer, taskFrames(this.#state, effect.manager, effect.ranges, now));
          break;
        }
        case 'forward':
          this.#forward.push(resultFrames(effect.results, effect.manager, effect.keep, now));
          break;
        case 'settle':
          this.#toClient(
            { type: 'ended', count: effect.ids.length, failure: effect.failure },
            [new Uint8Array(Float64Array.from(effect.ids).buffer)],
          );
          break;
        case 'to-client':
          this.#toClient(effect.message);
          this.#report(effect.message);
          break;
        case 'to-manager': this.#toManager(effect.peer, effect.message); break;
        case 'wake': this.#wakeIn(effect.inMs, now); break;
        case 'load-changed': this.#loadChanged(); break;
        case 'exit': this.#ended.resolve(); break;
        default: unreachable(effect);
      }
    }
  }

  #report(message: FromInterchange): void {
    const { log } = this.#deps;
    if (message.type === 'manager-joined') {
      const { manager, block, node, slots } = message.manager;
      log.info({ manager, block, node, count: slots }, 'manager registered');
    } else if (message.type === 'manager-left') {
      const { manager, block, reason, lostTasks } = message;
      log[reason === 'drained' ? 'info' : 'warn']({ manager, block, reason, count: lostTasks }, 'manager left');
    }
  }

  #toClient(message: FromInterchange, frames: readonly Frame[] = []): void {
    this.#deps.client.send(toFrames(message, frames));
  }

  #toManager(peer: string, message: ToManager): void {
    this.#managers.send(peer, toFrames(message, []));
  }

  #wakeIn(ms: number, now: number): void {
    if (this.#wake !== undefined && this.#wakeAtMs <= now + ms) return;
    clearTimeout(this.#wake);
    this.#wakeAtMs = now + ms;
    this.#wake = setTimeout(() => {
      this.#wake = undefined;
      this.#handle({ type: 'tick' });
    }, ms + 1);
  }

  #loadChanged(): void {
    this.#loadDirty = true;
    if (this.#loadTimer !== undefined) return;
    this.#sendLoad();
    const every = Math.max(LOAD_EVERY_MS, this.#state.managers.byPeer.size);
    this.#loadTimer = setTimeout(() => {
      this.#loadTimer = undefined;
      if (this.#loadDirty) this.#loadChanged();
    }, every);
  }

  #sendLoad(): void {
    const { tasks, managers, connectedBlocks } = this.#state;
    this.#loadDirty = false;
    this.#toClient({
      type: 'load',
      load: {
        waiting: tasks.waiting,
        held: tasks.held,
        extraSlots: managers.extraSlots() + tasks.waitingExtra,
        managers: [...managers.byPeer.values()].map(summaryOf),
        connectedBlocks: [...connectedBlocks],
      },
    });
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => { /* replaced at once */ };
  const promise = new Promise<void>((done) => { resolve = done; });
  return { promise, resolve };
}
