// The start of a user endpoint: the process that a multi-user endpoint's supervisor starts as a local user. What it is
// to be comes on standard input, and is read only after nothing of the supervisor's privileges is left.

import { setFlagsFromString } from 'node:v8';
import { closeInherited, keptOfRoot } from './drop.ts';
import { beginsDocument, isAtTerminal, notByHand, privilegesKept } from './early-answers.ts';
import type { UserEndpointCall } from './user-session.ts';

/** Runs it to its end; resolves to the exit status. */
export async function runUserEndpoint(call: UserEndpointCall): Promise<number> {
  process.umask(0o077);
  // Fifty of these on one machine: loading and rendering make garbage, for which the heap would take 10 MiB more.
  setFlagsFromString('--semi-space-growth-factor=1');
  if (isAtTerminal()) return notByHand();
  // Before the standard streams are there: the runtime opens descriptors of its own for them.
  const kept = closeInherited() ?? keptOfRoot();
  // The supervisor reads until it has its answer, and not longer.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => { /* as said */ });
  if (kept !== undefined && !beginsDocument()) return notByHand();
  if (kept !== undefined) return privilegesKept(kept);
  const { runUserSession } = await import('./user-session.ts');
  return await runUserSession(call);
}
