// The work that is measured: what the task of each section is, the same for every contender.

/** 100 bytes of argument, next to a number by which the result is checked. */
export const PADDING = 'x'.repeat(100);
export const PADDING_BYTES = Buffer.from(PADDING);

/** One large payload: 10 MiB. */
export const LARGE_BYTES = 10 * 1024 * 1024;

/** How many large payloads are under way at any time, on the engine and on the raw path alike. */
export const LARGE_IN_FLIGHT = 2;

/** Decimal megabytes: (argument bytes + result bytes) of `count` tasks per second of wall time. */
export function megabytesPerSecond(count: number, bytes: number, seconds: number): number {
  return (2 * count * bytes) / 1e6 / seconds;
}
