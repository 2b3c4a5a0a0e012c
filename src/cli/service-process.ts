// The service as a child of the command: its settings go in on standard input, where it listens comes out.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ComputeError, isErrorCode } from '../common/errors.ts';
import { EXIT_SOFTWARE, shutdownSignal } from '../common/shutdown.ts';

const MAIN = fileURLToPath(new URL('../service/main.js', import.meta.url));

/** What the service says on standard output. */
interface Said {
  readonly type?: unknown;
  readonly url?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly details?: unknown;
}

/** Until the service ends, or is told to; its exit status. Throws what it could not start for. */
export async function startService(config: Readonly<Record<string, unknown>>, json: boolean): Promise<number> {
  const signal = shutdownSignal();
  // In a group of its own: a Ctrl-C reaches us alone, and we tell it to end in order.
  const child = spawn(process.execPath, [MAIN], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
  const stop = (): void => { child.kill('SIGTERM'); };
  signal.addEventListener('abort', stop, { once: true });
  child.stdin.on('error', () => { /* it ended before it read everything: its exit status tells */ });
  // Left open: when it closes, we are gone, and the service ends as well.
  child.stdin.write(`${JSON.stringify(config)}\n`);
  let failure: ComputeError | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line) as Said; // written by the service's main.ts
    if (said.type === 'failed') failure = failureOf(said);
    else process.stdout.write(
      json ? `${JSON.stringify({ url: said.url })}\n` : `The service listens at ${String(said.url)}\n`,
    );
  });
  const status = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? EXIT_SOFTWARE));
  });
  if (failure !== undefined) throw failure;
  return status;
}

function failureOf({ code, message, details }: Said): ComputeError {
  return new ComputeError(isErrorCode(code) ? code : 'START_FAILED', String(message), {
    details: typeof details === 'object' && details !== null ? { ...details } : {},
  });
}
