// The scenario: a day of somebody's work on a cluster that is not idle. Bursts of tasks with pauses between them, and
// one long trickle. Made of a seed, so it is the same wherever and whenever it runs; times in ms from the beginning.

export interface TraceTask {
  readonly atMs: number;
  readonly runMs: number;
}

export interface Phase {
  readonly name: string;
  readonly tasks: readonly TraceTask[];
}

/** What blocks are there: the same for everybody. */
export const CLUSTER = {
  nodesPerBlock: 2,
  workersPerNode: 8,
  blocksMax: 8,
  /** From the start of a job until its workers take tasks. */
  startUpMs: 20_000,
  /** How long jobs wait in the queue, one after the other. */
  queueWaitsMs: [45_000, 180_000, 90_000, 240_000, 60_000, 120_000, 300_000, 75_000],
} as const;

export const SLOTS_PER_BLOCK = CLUSTER.nodesPerBlock * CLUSTER.workersPerNode;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const SEED = 20_260_921;
const SPREAD = 0.25;

export function trace(): Phase[] {
  const random = numbers(SEED);
  /** Around this mean: two in three within a quarter of it. */
  const about = (ms: number, spread = SPREAD): number =>
    Math.round(ms * Math.exp(spread * normal(random) - spread ** 2 / 2));
  const burst = (name: string, atMs: number, count: number, meanMs: number, spread?: number): Phase =>
    ({ name, tasks: Array.from({ length: count }, () => ({ atMs, runMs: about(meanMs, spread) })) });
  return [
    burst('many tasks of two minutes', 0, 3000, 2 * MINUTE),
    burst('few long tasks, all alike', 3 * HOUR, 60, 25 * MINUTE, 0.05),
    burst('very many short tasks', 5 * HOUR, 20_000, 4 * SECOND),
    // Most slots of two blocks, for two hours: more blocks than that only idle.
    { name: 'a trickle', tasks: Array.from({ length: 1160 }, (_, n) =>
      ({ atMs: 6 * HOUR + n * 6_200, runMs: about(3 * MINUTE) })) },
    burst('one after the other, 1', 9 * HOUR, 1500, 2 * MINUTE),
    burst('one after the other, 2', 9.75 * HOUR, 1500, 2 * MINUTE),
  ];
}

/** From 0 to 1, the same for the same seed. */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
