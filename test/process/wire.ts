// A real interchange process, and a client and managers that speak to it frame by frame.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeHeader, encodeHeader, type Header } from '../../src/common/codec.ts';
import {
  decodeResultColumns, decodeTaskColumns, encodeResultColumns, encodeTaskColumns,
} from '../../src/common/columns.ts';
import { pack } from '../../src/common/msgpack.ts';
import type { InterchangeConfig, KeyPair } from '../../src/common/process-config.ts';
import {
  PROTOCOL_VERSION, STATUS, type BlockId, type FromManager, type FunctionId, type ManagerId, type ResultBatch, type
  TaskBatch, type TaskId, type ToInterchange,
} from '../../src/common/protocol.ts';
import { unbundle } from '../../engine/bundle.ts';
import type { Pipe } from '../../engine/pipe.ts';
import { InterchangeProcess } from '../../engine/interchange-process.ts';
import { Dialer, makeKeys, type Frame } from '../../engine/socket.ts';
import { until } from './harness.ts';

export const NOW_HOPS = { submittedAtMs: 1, sentAtMs: 1, queuedAtMs: 1, dispatchedAtMs: 1, receivedAtMs: 1 };

export interface Keys {
  readonly server: KeyPair;
  readonly manager: KeyPair;
}

/** One interchange of its own, with everything that was connected to it. */
export class Wire implements AsyncDisposable {
  readonly keys: Keys | null;
  readonly #directory: string;
  readonly #process: InterchangeProcess;
  readonly #dialers: Dialer[] = [];
  exit: string | undefined;

  private constructor(
    keys: Keys | null, directory: string, start: (onExit: (how: string) => void) => InterchangeProcess,
  ) {
    this.keys = keys;
    this.#directory = directory;
    this.#process = start((how) => { this.exit = how; });
  }

  static async start(change: Partial<InterchangeConfig> = {}, encrypted = true): Promise<Wire> {
    const directory = await mkdtemp(join(tmpdir(), 'wire-'));
    const keys = encrypted ? { server: makeKeys(), manager: makeKeys() } : null;
    let onExit = (_how: string): void => { /* replaced at once */ };
    const process = await InterchangeProcess.start({
      managerPort: 0, managerAddress: '127.0.0.1', portRange: null,
      keys: keys === null ? null : { server: keys.server, managerPublicKey: keys.manager.publicKey },
      heartbeatPeriodMs: 30_000, heartbeatThresholdMs: 120_000, reconnectGraceMs: 500, killsMax: 3, prefetchCapacity: 0,
      managerSelector: 'random', replacement: false, managersWait: false,
      logPath: join(directory, 'interchange.log'), logLevel: 'info', ...change,
    }, (how) => onExit(how));
    return new Wire(keys, directory, (told) => {
      onExit = told;
      return process;
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  get port(): number {
    return this.#process.managerPort;
  }

  /** The client's line. */
  get pipe(): Pipe {
    return this.#process.pipe;
  }

  log(): Promise<string> {
    return readFile(join(this.#directory, 'interchange.log'), 'utf8');
  }

  /** `keys`: own pair and the server's public key; by default a manager's. */
  dial(identity: string, keys?: { own: KeyPair; serverPublicKey: string } | null): Dialer {
    const proper = this.keys === null ? null : { own: this.keys.manager, serverPublicKey: this.keys.server.publicKey };
    const dialer = new Dialer({
      address: '127.0.0.1', port: this.port, identity, keys: keys === undefined ? proper : keys,
    });
    this.#dialers.push(dialer);
    return dialer;
  }

  async residentMiB(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#dialers.map((dialer) => dialer.close(true)));
    await this.#process.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** The engine's end: sends tasks and notes what came of each. */
export class WireClient {
  readonly #pipe: Pipe;
  /** By task, everything that was ever said of its end. */
  readonly endings = new Map<TaskId, string[]>();
  /** Every message, in order. */
  readonly heard: Header[] = [];
  #nextId = 1;

  constructor(wire: Wire) {
    this.#pipe = wire.pipe;
    this.#pipe.listen((frames) => this.#onMessage(frames));
    this.send({ type: 'hello' });
    this.send({
      type: 'function', id: 'f' as FunctionId, definition: { form: 'source', name: 'f', source: '() => {}' },
    });
  }

  send(message: ToInterchange, frames: readonly Frame[] = []): void {
    this.#pipe.send([encodeHeader(message), ...frames]);
  }

  submit(count: number): TaskId[] {
    const ids = Array.from({ length: count }, () => this.#nextId++ as TaskId);
    const kind = { fn: 'f' as FunctionId, timeoutMs: 0, retries: 0, minRemainingMs: 0 };
    const batch: TaskBatch = { kind, count, attempt: 1, buffers: 0, hops: NOW_HOPS };
    const columns = encodeTaskColumns(Float64Array.from(ids), new Uint32Array(count).fill(1));
    this.send({ type: 'tasks', batches: [batch] }, [columns, new Uint8Array(count)]);
    return ids;
  }

  async ended(ids: readonly TaskId[]): Promise<string[]> {
    await until(`the end of ${ids.length} tasks`, () => ids.every((id) => this.endings.has(id)));
    return ids.map((id) => (this.endings.get(id) ?? []).join(', then '));
  }

  async dump(): Promise<{ [field: string]: unknown }> {
    const before = this.heard.length;
    this.send({ type: 'dump', request: before });
    const answer = (): Header | undefined => this.heard.slice(before).find(({ type }) => type === 'dump');
    await until('a dump', () => answer() !== undefined);
    return answer()?.['state'] as { [field: string]: unknown };
  }

  #onMessage(frames: readonly Frame[]): void {
    const message = decodeHeader(frames[0] ?? new Uint8Array(0));
    this.heard.push(message);
    const note = (id: number, how: string): void => {
      this.endings.set(id as TaskId, [...this.endings.get(id as TaskId) ?? [], how]);
    };
    if (message.type === 'ended') {
      const { code } = message['failure'] as { code: string };
      for (const id of new Float64Array(new Uint8Array(frames[1] ?? []).buffer)) note(id, code);
    } else if (message.type === 'results') {
      (message['batches'] as ResultBatch[]).forEach(({ count }, i) => {
        const { ids, sizes } = decodeResultColumns(frames[1 + 2 * i] ?? new Uint8Array(0), count);
        let offset = 0;
        ids.forEach((id, at) => {
          const outcome = frames[2 + 2 * i]?.subarray(offset, offset += sizes[at] ?? 0);
          note(id, new TextDecoder().decode(outcome));
        });
      });
    }
  }
}

export interface Given {
  readonly ids: TaskId[];
  readonly batch: TaskBatch;
}

/** A manager's end. Finishes every task at once, unless it is told to hold them. */
export class WireManager {
  readonly id: ManagerId;
  readonly #dialer: Dialer;
  readonly slots: number;
  holds = false;
  readonly given: Given[] = [];
  readonly heard: Header[] = [];

  constructor(wire: Wire, name: string, slots = 4) {
    this.id = `0.node.${name}` as ManagerId;
    this.slots = slots;
    this.#dialer = wire.dial(this.id);
    this.#dialer.listen((frames) => this.#onMessage(unbundle(frames)));
  }

  async join(): Promise<this> {
    this.send(registration(this.id, this.slots));
    await until(`an answer to ${this.id}`, () => this.heard.some(({ type }) => type === 'registered'));
    return this;
  }

  send(message: FromManager, frames: readonly Frame[] = []): void {
    this.raw([encodeHeader(message), ...frames]);
  }

  raw(frames: readonly Frame[]): void {
    this.#dialer.send(frames);
  }

  /** Says that these tasks ended. */
  finish(ids: readonly number[], change: Partial<ResultBatch> = {}, status: number = STATUS.ok): void {
    this.raw(resultFrames(ids, `by ${this.id}`, change, status, this.slots));
  }

  get tasks(): TaskId[] {
    return this.given.flatMap(({ ids }) => ids);
  }

  close(): Promise<void> {
    return this.#dialer.close(true);
  }

  #onMessage(frames: readonly Frame[]): void {
    const message = decodeHeader(frames[0] ?? new Uint8Array(0));
    this.heard.push(message);
    if (message.type !== 'tasks') return;
    (message['batches'] as TaskBatch[]).forEach((batch, i) => {
      const { ids } = decodeTaskColumns(frames[1 + 2 * i] ?? new Uint8Array(0), batch.count);
      this.given.push({ ids: [...ids] as TaskId[], batch }); // a column of ids
      if (!this.holds) this.finish([...ids]);
    });
  }
}

export function registration(manager: string, slots: number): Extract<FromManager, { type: 'register' }> {
  return {
    type: 'register', version: PROTOCOL_VERSION, manager: manager as ManagerId, block: '0' as BlockId, node: 'node',
    pid: 1, slots, window: slots, nodeVersion: '20', cores: slots, memoryMiB: 1, draining: false, held: [], batches: [],
  };
}

/** A header as MessagePack, whatever is in it: the fixed form of results has no room for nonsense. */
export function packed(message: { readonly [field: string]: unknown }): Frame {
  const frame = pack(message, 1);
  frame[0] = PROTOCOL_VERSION;
  return frame;
}

export function resultFrames(
  ids: readonly number[], outcome: string, change: Partial<ResultBatch> = {}, status: number = STATUS.ok, window = 1,
): Frame[] {
  const text = new TextEncoder().encode(outcome);
  const header: ResultBatch = {
    count: ids.length, attempt: 1, buffers: 0, failures: status !== STATUS.ok, worker: 0, startedAtMs: 1,
    returnedAtMs: 1, hops: NOW_HOPS, ...change,
  };
  const columns = encodeResultColumns({
    ids: Float64Array.from(ids), startedMs: new Float32Array(ids.length), runMs: new Float32Array(ids.length),
    sizes: new Uint32Array(ids.length).fill(text.length), status: new Uint8Array(ids.length).fill(status),
  });
  const message: FromManager = { type: 'results', window, batches: [header] };
  return [encodeHeader(message), columns, Buffer.concat(ids.map(() => text))];
}

/** The whole line works: a fresh manager gets tasks, and what it says of them reaches the client, once. */
export async function checkService(wire: Wire, client: WireClient, name: string): Promise<void> {
  const manager = await new WireManager(wire, name).join();
  const ids = client.submit(20);
  const endings = await client.ended(ids);
  assert.equal(endings.length, 20);
  assert.ok(endings.every((ending) => /^by 0\.node\.\S+$/.test(ending)), endings.join('; '));
  manager.send({ type: 'drained' });
  await until('it has left', () => client.heard.some((message) =>
    message.type === 'manager-left' && message['manager'] === manager.id));
  assert.equal(wire.exit, undefined);
}
