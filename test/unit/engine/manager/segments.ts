import type { Segment } from '../../../../engine/manager/line.ts';
import type { FunctionId, Kind } from '../../../../src/common/protocol.ts';

const HOPS = { submittedAtMs: 1, sentAtMs: 2, queuedAtMs: 3, dispatchedAtMs: 4, receivedAtMs: 5 };

/** A batch as it comes to a manager; a task's payload is as many bytes as `sizes` says, each its id's last byte. */
export function segmentOf(
  ids: readonly number[], sizes: readonly number[] = ids.map(() => 1), kind: Partial<Kind> = {},
): Segment {
  return {
    kind: { fn: 'f' as FunctionId, timeoutMs: 0, retries: 0, minRemainingMs: 0, ...kind }, attempt: 1, hops: HOPS,
    ids: Float64Array.from(ids), sizes: Uint32Array.from(sizes),
    payload: Uint8Array.from(ids.flatMap((id, i) => Array.from({ length: sizes[i] ?? 0 }, () => id & 255))),
    buffers: [], from: 0, to: ids.length, offset: 0,
  };
}

/** Ids and payload bytes of every task of a segment, cut as a slot would cut them. */
export function tasksOf({ ids, sizes, payload, from, to, offset }: Segment): { id: number; bytes: number[] }[] {
  let at = offset;
  return Array.from(ids.subarray(from, to),
    (id, i) => ({ id, bytes: [...payload.subarray(at, at += sizes[from + i] ?? 0)] }));
}
