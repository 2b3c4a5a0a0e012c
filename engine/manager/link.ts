// The manager's end of the line to the interchange: joins, keeps in touch, sends results, and joins again when the
// connection broke or the interchange was replaced. What the tasks mean is the crew's business.

import type { Clock } from '../../src/common/clock.ts';
import { decodeHeader, encodeHeader } from '../../src/common/codec.ts';
import { decodeTaskColumns } from '../../src/common/columns.ts';
import { ComputeError, unreachable } from '../../src/common/errors.ts';
import type { Logger } from '../../src/common/log.ts';
import {
  PROTOCOL_VERSION,
  type BlockId, type FromManager, type FunctionDefinition, type FunctionId, type ManagerId, type ResultBatch,
  type TaskId,
  type ToManager,
} from '../../src/common/protocol.ts';
import { unbundle } from '../bundle.ts';
import { Dialer, type ClientKeys, type Frame } from '../socket.ts';
import type { Segment } from './line.ts';

/** Who does the work that the link brings. */
export interface Crew {
  readonly slots: number;
  /** Tasks it runs at a time. */
  readonly workers: number;
  /** It takes no more tasks. */
  readonly draining: boolean;
  /** How many tasks it wants to hold. */
  window(): number;
  /** Every task it holds. */
  held(): TaskId[];
  onFunctions(functions: readonly { id: FunctionId; definition: FunctionDefinition }[]): void;
  onTasks(segments: readonly Segment[]): void;
  /** Ends tasks; each is answered for. */
  onCancel(ids: readonly TaskId[]): void;
  /** Ends tasks that nobody wants to hear of any more. */
  onDrop(ids: readonly TaskId[]): void;
  onRecall(count: number): void;
  onDrain(terminated?: boolean): void;
}

export interface LinkOptions {
  readonly address: string;
  readonly port: number;
  readonly keys: ClientKeys | null;
  readonly manager: ManagerId;
  readonly block: BlockId;
  readonly node: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly endsAtMs: number | null;
  /** How long to wait for the interchange, at the start or after it went, before giving up. */
  readonly goneMaxMs: number;
}

export interface LinkDeps {
  readonly log: Logger;
  readonly clock: Clock;
  /** The interchange wants this manager gone, refused it, or was not heard of for too long. */
  readonly onEnd: (reason: string) => void;
}

/** Results already sent are kept this long: a registration brings them along, as they may have been lost. */
const KEEP_MS = 2000;
const KEEP_BYTES_MAX = 256 * 1024 * 1024;

interface Kept {
  readonly atMs: number;
  readonly bytes: number;
  readonly headers: readonly ResultBatch[];
  readonly frames: readonly Frame[];
}

export class ManagerLink {
  readonly #options: LinkOptions;
  readonly #deps: LinkDeps;
  readonly #dialer: Dialer;
  #crew: Crew | undefined;
  #headers: ResultBatch[] = [];
  #frames: Frame[] = [];
  /** Something was reported in this turn. */
  #inTurn = false;
  #kept: Kept[] = [];
  #keptBytes = 0;
  #heardAtMs: number;
  #silentMs = 0;
  #goneAtMs: number | undefined;
  #registered = false;
  #stopHeart: (() => void) | undefined;
  #heartbeatThresholdMs = Infinity;

  constructor(options: LinkOptions, deps: LinkDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#heardAtMs = deps.clock.now();
    this.#goneAtMs = this.#heardAtMs; // until the first connection
    this.#dialer = new Dialer({
      address: options.address, port: options.port, keys: options.keys, identity: options.manager,
    });
  }

  join(crew: Crew): void {
    this.#crew = crew;
    this.#dialer.listen((frames) => this.#onMessage(frames), (connected) => this.#onConnection(connected));
    // Before the first answer there is nobody whose heartbeat could be missed.
    this.#stopHeart = this.#deps.clock.every(1000, () => this.#checkUp(1000));
  }

  /** The first of a turn leaves at once; what else the turn brings leaves together at its end. */
  report(header: ResultBatch, frames: readonly Frame[]): void {
    header.manager = this.#options.manager;
    this.#headers.push(header);
    this.#frames.push(...frames);
    if (this.#inTurn) return;
    this.#inTurn = true;
    this.flush();
    process.nextTick(() => { // after everything that is there already
      this.#inTurn = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#headers.length === 0) return;
    const message: FromManager = { type: 'results', window: this.#crew?.window() ?? 0, batches: this.#headers };
    this.#dialer.send([encodeHeader(message), ...this.#frames]);
    this.#keep(this.#headers, this.#frames);
    this.#headers = [];
    this.#frames = [];
  }

  send(message: FromManager): void {
    this.flush(); // results are never overtaken by what is said after them
    this.#dialer.send([encodeHeader(message)]);
  }

  /** The last word: whatever comes now is not for this manager any more, and it must not join again. */
  leave(): void {
    this.send({ type: 'drained' });
    this.#stopHeart?.();
    this.#crew = undefined;
  }

  async close(): Promise<void> {
    this.#stopHeart?.();
    this.flush();
    await this.#dialer.close();
  }

  #onMessage(arrived: readonly Frame[]): void {
    this.#heardAtMs = this.#deps.clock.now();
    this.#silentMs = 0;
    let frames: readonly Frame[] = [];
    try {
      frames = unbundle(arrived);
      const message = decodeHeader(frames[0] ?? new Uint8Array(0)) as unknown as ToManager; // the interchange is ours
      this.#take(message, frames);
    } catch (err) {
      this.#deps.log.error({ err }, 'message dropped');
      const version = frames[0]?.[0];
      if (version === undefined || version === PROTOCOL_VERSION) return;
      this.#deps.onEnd(`the interchange speaks protocol version ${version} and this manager ${PROTOCOL_VERSION}`);
    }
  }

  #take(message: ToManager, frames: readonly Frame[]): void {
    const crew = this.#crew;
    if (crew === undefined) return;
    switch (message.type) {
      case 'tasks':
        // Sent before our registration was read: not among what we said we hold, so they are taken back as lost.
        if (!this.#registered) break;
        if (message.functions !== undefined) crew.onFunctions(message.functions);
        crew.onTasks(segmentsOf(message, frames, this.#heardAtMs));
        break;
      case 'cancel': crew.onCancel(message.ids); break;
      case 'drop': crew.onDrop(message.ids); break;
      case 'recall': crew.onRecall(message.count); break;
      case 'drain': crew.onDrain(); break;
      case 'registered': this.#onRegistered(message); break;
      case 'refused': this.#deps.onEnd(`the interchange refused this manager: ${message.reason}`); break;
      case 'register-again':
        if (this.#registered) this.#register(); // else that is on its way
        break;
      case 'heartbeat': break;
      case 'stop': this.#deps.onEnd('stop'); break;
      default: unreachable(message);
    }
  }

  #register(): void {
    const { manager, block, node, cores, memoryMiB, endsAtMs } = this.#options;
    const crew = this.#crew;
    if (crew === undefined) return;
    this.flush();
    this.#registered = false;
    this.#dialer.send([encodeHeader({
      type: 'register', version: PROTOCOL_VERSION, manager, block, node, pid: process.pid, slots: crew.slots,
      draining: crew.draining, window: crew.window(), nodeVersion: process.versions.node, cores, memoryMiB,
      ...(endsAtMs === null ? {} : { endsAtMs }), ...(crew.workers < crew.slots ? { workers: crew.workers } : {}),
      held: crew.held(), batches: this.#kept.flatMap(({ headers }) => headers),
    } satisfies FromManager), ...this.#kept.flatMap(({ frames }) => frames)]);
  }

  #onRegistered(message: Extract<ToManager, { type: 'registered' }>): void {
    this.#deps.log.info('manager registered');
    this.#registered = true;
    this.#goneAtMs = undefined; // should the first connection have gone unnoticed
    this.#heartbeatThresholdMs = message.heartbeatThresholdMs;
    this.#stopHeart?.();
    let dueMs = message.heartbeatPeriodMs;
    const everyMs = Math.min(1000, message.heartbeatPeriodMs);
    this.#stopHeart = this.#deps.clock.every(everyMs, () => {
      dueMs -= everyMs;
      if (dueMs <= 0) {
        dueMs = message.heartbeatPeriodMs;
        this.#dialer.send([encodeHeader({ type: 'heartbeat' } satisfies FromManager)]);
      }
      this.#checkUp(everyMs);
    });
  }

  /**
   * Registers once on each connection: what was on the way is lost, and the other end may be a replacement that knows
   * nothing of us. A second registration that crossed with tasks would say that they are not here.
   */
  #onConnection(connected: boolean): void {
    this.#registered = false;
    this.#goneAtMs = connected ? undefined : this.#goneAtMs ?? this.#deps.clock.now();
    if (connected) this.#register();
  }

  /** Called every `everyMs`. Silence is counted in calls: who stood still has heard nothing, for it did not listen. */
  #checkUp(everyMs: number): void {
    const now = this.#deps.clock.now();
    this.#silentMs += everyMs;
    this.#forget();
    if (this.#goneAtMs !== undefined) {
      if (now - this.#goneAtMs > this.#options.goneMaxMs) this.#deps.onEnd('the connection to the interchange is gone');
    } else if (this.#silentMs > this.#heartbeatThresholdMs) {
      this.#deps.onEnd('the interchange is silent');
    }
  }

  #keep(headers: readonly ResultBatch[], frames: readonly Frame[]): void {
    let bytes = 0;
    for (const frame of frames) bytes += frame.length;
    this.#kept.push({ atMs: this.#deps.clock.now(), bytes, headers, frames });
    this.#keptBytes += bytes;
    this.#forget();
  }

  #forget(): void {
    // While nobody is there to read them, nothing was sent, however long ago we said it.
    const since = this.#registered ? this.#deps.clock.now() - KEEP_MS : -Infinity;
    let drop = 0;
    for (const kept of this.#kept) {
      if (kept.atMs >= since && this.#keptBytes <= KEEP_BYTES_MAX) break;
      this.#keptBytes -= kept.bytes;
      drop++;
    }
    if (drop > 0) this.#kept = this.#kept.slice(drop);
  }
}

function segmentsOf(message: Extract<ToManager, { type: 'tasks' }>, frames: readonly Frame[], now: number): Segment[] {
  let at = 1;
  return message.batches.map((batch) => {
    const columns = frames[at];
    const payload = frames[at + 1];
    if (columns === undefined || payload === undefined) {
      throw new ComputeError('BAD_MESSAGE', 'read tasks without their frames');
    }
    const { ids, sizes } = decodeTaskColumns(columns, batch.count);
    const buffers = frames.slice(at + 2, at + 2 + batch.buffers);
    at += 2 + batch.buffers;
    const { hops } = batch;
    hops.receivedAtMs = now;
    const { kind, attempt, count } = batch;
    return { kind, attempt, hops, ids, sizes, payload, buffers, from: 0, to: count, offset: 0 };
  });
}
