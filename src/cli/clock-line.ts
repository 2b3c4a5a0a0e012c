// A line that shows the time each second: whoever looks at a multi-user endpoint sees that it is alive, even when
// nobody wants anything of it.

import type { Clock } from '../common/clock.ts';

interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

/** Nothing where nobody looks on. What it returns ends it. */
export function showClock(to: Terminal, clock: Clock): () => void {
  if (to.isTTY !== true) return () => { /* nothing is shown */ };
  to.write(HIDE_CURSOR);
  const stop = clock.every(1_000, () => { to.write(`  ----> ${dateOf(clock.now())}\r`); });
  return () => {
    stop();
    to.write(`\n${SHOW_CURSOR}`);
  };
}

/** Fri Apr 19 11:56:27 2024, as date(1) and the field write it. */
function dateOf(ms: number): string {
  const date = new Date(ms);
  const [day, month, number, year] = date.toDateString().split(' ');
  return `${day} ${month} ${number} ${date.toTimeString().slice(0, 8)} ${year}`;
}
