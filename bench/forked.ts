import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Ends a process that ends with its IPC channel, and waits for that. */
export async function letGo(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.disconnect();
  await gone;
}
