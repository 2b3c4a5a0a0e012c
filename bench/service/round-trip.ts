// The least that a task at an endpoint costs: a message to the broker, confirmed, read by another process, and one
// back.

import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { letGo } from '../forked.ts';
import { PADDING_BYTES } from '../work.ts';
import { openEnd } from './broker-end.ts';
import { Closers } from './closers.ts';

const START_TIMEOUT_MS = 20_000;

export interface RoundTrip extends AsyncDisposable {
  /** One message there and one back, both durable and confirmed. */
  run(): Promise<void>;
}

export async function openRoundTrip(url: string): Promise<RoundTrip> {
  await using stack = new Closers();
  const [there, back] = [`bench.${randomUUID()}`, `bench.${randomUUID()}`];
  let onAnswer = (): void => { /* set before anything is asked */ };
  const near = stack.use(await openEnd({ url, reads: back, writes: there, owns: true }, () => onAnswer()));
  const far = fork(new URL('./echo/main.js', import.meta.url), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  stack.add(() => letGo(far));
  far.send({ url, reads: there, writes: back, owns: false });
  await once(far, 'message', { signal: AbortSignal.timeout(START_TIMEOUT_MS) });
  const all = stack.move();
  return {
    run: async () => {
      const answered = new Promise<void>((resolve) => { onAnswer = resolve; });
      near.send(PADDING_BYTES);
      await answered;
    },
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  };
}
