const FIRST_MS = 100;
const MOST_MS = 10_000;

/** The wait before another attempt, from 0: half to all of a growing time, as many clients lose a broker at once. */
export function backOffMs(attempt: number): number {
  const most = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 20));
  return most * (0.5 + Math.random() / 2);
}
