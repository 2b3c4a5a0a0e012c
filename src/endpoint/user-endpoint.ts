// The start of a user endpoint: the process that a multi-user endpoint's supervisor starts as a local user. What it is
// to be comes on standard input, and is read only after nothing of the supervisor's privileges is left.

import { setFlagsFromString } from 'node:v8';
import { closeInherited, keptOfRoot } from './drop.ts';
import { beginsDocument, isAtTerminal, NOT_BY_HAND } from './not-by-hand.ts';

export interface UserEndpointCall {
  /** Of its directory. */
  readonly name: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const EXIT_INFORMATION = 1;
const EXIT_PRIVILEGES = 74;

/** Runs it to its end; resolves to the exit status. */
export async function runUserEndpoint(call: UserEndpointCall): Promise<number> {
  process.umask(0o077);
  // Fifty of these on one machine: loading and rendering make garbage, for which the heap would take 10 MiB more.
  setFlagsFromString('--semi-space-growth-factor=1');
  if (isAtTerminal()) return missing();
  // Before the standard streams are there: the runtime opens descriptors of its own for them.
  const kept = closeInherited() ?? keptOfRoot();
  // The supervisor reads until it has its answer, and not longer.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => { /* as said */ });
  if (kept !== undefined && !beginsDocument()) return missing();
  if (kept !== undefined) return privilegesKept(kept);
  const { runUserSession } = await import('./user-session.ts');
  return await runUserSession(call);
}

/** Its user is told little; what was kept is for the log of who started us. */
export function privilegesKept(detail: string): number {
  const id = process.getuid?.();
  process.stderr.write('Unexpectedly regained original privileges!  (Should not have been able to keep them as uid '
    + `${id}: ${detail})\n`);
  return failed(EXIT_PRIVILEGES, {
    error: 'PermissionError', code: 'START_FAILED', message: 'failed to start endpoint', detail,
  });
}

function missing(): number {
  process.stderr.write(`${NOT_BY_HAND}\n`);
  return failed(EXIT_INFORMATION, { error: 'SystemExit', code: 'CONFIG_INVALID', message: NOT_BY_HAND });
}

function failed(step: number, why: Readonly<Record<string, string>>): number {
  process.stdout.write(`${JSON.stringify({ type: 'failed', step, ...why })}\n`);
  return step;
}
