// Frames ↔ the interchange's own records. Payloads and outcomes are cut out and passed on, never opened.

import { BATCH_MARK, stampDispatched, stampForwarded } from '../../src/common/batch-header.ts';
import { decodeHeader, encodeHeader } from '../../src/common/codec.ts';
import {
  decodeResultColumns, decodeTaskColumns, encodeResultColumns, encodeTaskColumns,
} from '../../src/common/columns.ts';
import { ComputeError } from '../../src/common/errors.ts';
import {
  PROTOCOL_VERSION,
  type FromInterchange, type FromManager, type FunctionDefinition, type FunctionId, type Hops, type ManagerId,
  type ResultBatch, type TaskBatch, type ToInterchange, type ToManager,
} from '../../src/common/protocol.ts';
import { unbundle } from '../bundle.ts';
import type { Frame } from '../socket.ts';
import type { Event } from './core.ts';
import { areIds, faultOf } from './door.ts';
import type { ManagerRecord } from './managers.ts';
import type { ArrivedResults, State } from './state.ts';
import type { Range, StoredBatch, Whole } from './tasks.ts';

/** Frames of a batch before its large buffers: columns, and the payloads or outcomes. */
const FRAMES_BEFORE_BUFFERS = 2;

export function fromClient(frames: readonly Frame[], whole: Frame | undefined, now: number): Event {
  const message = decodeHeader(first(frames)) as unknown as ToInterchange; // the client is ours: it started us
  const batches = message.type === 'tasks' ? readTasks(message.batches, frames, whole, now) : [];
  return { type: 'from-client', message, batches };
}

export function fromManager(peer: string, arrived: readonly Frame[]): Event {
  const frames = unbundle(arrived);
  const frame = first(frames);
  const version = frame[0];
  if (version !== undefined && version !== PROTOCOL_VERSION) return { type: 'unfit', peer, fault: version };
  const header = decodeHeader(frame);
  const fault = faultOf(header);
  if (fault !== undefined && header.type === 'register') return { type: 'unfit', peer, fault };
  if (fault !== undefined) throw new ComputeError('BAD_MESSAGE', `read ${fault}`);
  const message = header as unknown as FromManager; // the door has looked at every field
  const withResults = message.type === 'results' || message.type === 'register';
  const whole = frames === arrived ? undefined : arrived[0];
  const results = withResults ? readResults(message.batches, frames, whole) : [];
  return { type: 'from-manager', peer, message, results };
}

export function toFrames(message: FromInterchange | ToManager, frames: readonly Frame[]): Frame[] {
  return [encodeHeader(message), ...frames];
}

/** The message that carries these tasks to a manager, with the definitions that it has not seen. */
export function taskFrames(
  state: State, manager: ManagerRecord, ranges: readonly Range[], now: number,
): readonly Frame[] {
  const asItCame = wholeMessage(manager, ranges);
  if (asItCame?.message !== undefined) {
    stampDispatched(asItCame.message.header, asItCame.hops.queuedAtMs, now);
    return [asItCame.message.bytes];
  }
  const batches: TaskBatch[] = [];
  const frames: Frame[] = [];
  const functions: { id: FunctionId; definition: FunctionDefinition }[] = [];
  for (const { batch, from, to, offset } of ranges) {
    const { kind, attempt, hops, ids, sizes, payload, buffers } = batch;
    let end = offset;
    for (let i = from; i < to; i++) end += sizes[i] ?? 0;
    batches.push({ kind, count: to - from, attempt, buffers: buffers.length, hops: dispatched(hops, now) });
    const columns = (to - from === ids.length ? batch.columns : undefined)
      ?? encodeTaskColumns(ids.subarray(from, to), sizes.subarray(from, to));
    frames.push(columns, payload.subarray(offset, end), ...buffers);
    if (manager.functions.has(kind.fn)) continue;
    const definition = state.functions.get(kind.fn);
    if (definition === undefined) continue; // the manager fails the tasks: it says that it has no such function
    manager.functions.add(kind.fn);
    functions.push({ id: kind.fn, definition });
  }
  const message: ToManager = { type: 'tasks', batches, ...(functions.length === 0 ? {} : { functions }) };
  return toFrames(message, frames);
}

/** The batch whose message, as it came from the client, is just what this manager has to be sent. */
function wholeMessage(manager: ManagerRecord, ranges: readonly Range[]): StoredBatch | undefined {
  const [range] = ranges;
  if (range === undefined || ranges.length > 1 || range.batch.message === undefined) return undefined;
  const isAll = range.to - range.from === range.batch.ids.length;
  return isAll && manager.functions.has(range.batch.kind.fn) ? range.batch : undefined;
}

/** Field by field: this is done for every task on its own where they come one by one, and a spread is slow. */
function dispatched({ submittedAtMs, sentAtMs, queuedAtMs, receivedAtMs }: Hops, now: number): Hops {
  return { submittedAtMs, sentAtMs, queuedAtMs, dispatchedAtMs: now, receivedAtMs };
}

export interface Forwarded {
  readonly header: ResultBatch;
  readonly frames: readonly Frame[];
  /** The message as it came from the manager, where it is just what the client has to be sent. */
  readonly message: Whole | undefined;
}

/** A batch of results for the client: as it came, or only some positions of it. */
export function resultFrames(
  results: ArrivedResults, manager: ManagerId, keep: readonly number[] | undefined, now: number,
): Forwarded {
  const { header: came, message } = results;
  const header: ResultBatch = {
    count: came.count, attempt: came.attempt, buffers: came.buffers, failures: came.failures, worker: came.worker,
    startedAtMs: came.startedAtMs, returnedAtMs: came.returnedAtMs, hops: came.hops, manager, forwardedAtMs: now,
  };
  if (keep === undefined) {
    // What a manager says of its name is not believed.
    return { header, frames: results.frames, message: came.manager === manager ? message : undefined };
  }
  const [columnFrame, outcomes, ...buffers] = results.frames;
  if (columnFrame === undefined || outcomes === undefined) throw malformed('results');
  const columns = decodeResultColumns(columnFrame, results.header.count);
  const offsets = new Uint32Array(columns.sizes.length + 1);
  columns.sizes.forEach((size, i) => { offsets[i + 1] = (offsets[i] ?? 0) + size; });
  const kept = encodeResultColumns({
    ids: Float64Array.from(keep, (i) => columns.ids[i] ?? 0),
    startedMs: Float32Array.from(keep, (i) => columns.startedMs[i] ?? 0),
    runMs: Float32Array.from(keep, (i) => columns.runMs[i] ?? 0),
    sizes: Uint32Array.from(keep, (i) => columns.sizes[i] ?? 0),
    status: Uint8Array.from(keep, (i) => columns.status[i] ?? 0),
  });
  const parts = keep.map((i) => outcomes.subarray(offsets[i] ?? 0, offsets[i + 1] ?? 0));
  const frames = [kept, Buffer.concat(parts), ...buffers];
  return { header: { ...header, count: keep.length }, frames, message: undefined };
}

/** Only in its own form can a header be written into. */
function wholeOf(batches: readonly object[], frames: readonly Frame[], bytes: Frame | undefined): Whole | undefined {
  const header = first(frames);
  return bytes !== undefined && batches.length === 1 && header[1] === BATCH_MARK ? { bytes, header } : undefined;
}

/** The message that takes these results to the client. */
export function forwardFrames(batches: readonly Forwarded[]): readonly Frame[] {
  const [only] = batches;
  if (batches.length === 1 && only?.message !== undefined) {
    stampForwarded(only.message.header, only.header.forwardedAtMs ?? 0);
    return [only.message.bytes];
  }
  const headers = batches.map(({ header }) => header);
  return toFrames({ type: 'results', batches: headers }, batches.flatMap(({ frames }) => frames));
}

function readTasks(
  headers: readonly TaskBatch[], frames: readonly Frame[], whole: Frame | undefined, now: number,
): StoredBatch[] {
  const message = wholeOf(headers, frames, whole);
  return split(headers, frames, 'tasks').map(({ header, columns, body, buffers }) => {
    const { ids, sizes } = decodeTaskColumns(columns, header.count);
    const { kind, attempt, hops } = header;
    hops.queuedAtMs = now;
    return { kind, attempt, hops, ids, sizes, columns, payload: body, buffers, message };
  });
}

function readResults(
  headers: readonly ResultBatch[], frames: readonly Frame[], whole: Frame | undefined,
): ArrivedResults[] {
  const message = wholeOf(headers, frames, whole);
  return split(headers, frames, 'results').map(({ header, columns, body, buffers }) => {
    const { ids, status, sizes } = decodeResultColumns(columns, header.count);
    let total = 0;
    for (const size of sizes) total += size;
    if (total !== body.length || !areIds(ids)) throw malformed('results');
    return { header, ids, status, frames: [columns, body, ...buffers], message };
  });
}

interface Part<Header> {
  readonly header: Header;
  readonly columns: Frame;
  readonly body: Frame;
  readonly buffers: Frame[];
}

/** Deals the frames behind the header frame out to the batches that own them. */
function split<Header extends { buffers: number }>(
  headers: readonly Header[], frames: readonly Frame[], what: string,
): Part<Header>[] {
  if (!Array.isArray(headers)) throw malformed(what);
  let at = 1;
  const parts = headers.map((header: Header) => {
    const columns = frames[at];
    const body = frames[at + 1];
    if (columns === undefined || body === undefined || !(header.buffers >= 0)) throw malformed(what);
    const end = at + FRAMES_BEFORE_BUFFERS + header.buffers;
    const buffers = frames.slice(at + FRAMES_BEFORE_BUFFERS, end);
    if (buffers.length !== header.buffers) throw malformed(what);
    at = end;
    return { header, columns, body, buffers };
  });
  if (at !== frames.length) throw malformed(what);
  return parts;
}

function first(frames: readonly Frame[]): Frame {
  const frame = frames[0];
  if (frame === undefined) throw malformed('empty');
  return frame;
}

function malformed(what: string): ComputeError {
  return new ComputeError('BAD_MESSAGE', `read a malformed ${what} message`);
}
