// What can go wrong on the way to a host, as sentences for the person who has to do something about it.

import { ComputeError } from '../../src/common/errors.ts';
import type { Hop } from './route.ts';

/** `details` of what went wrong with a host. */
export interface SshDetails extends Readonly<Record<string, unknown>> {
  /** Trying again cannot help: somebody has to change something. */
  readonly refused?: true;
  /** The connection is well, but the host opens no further session on it. */
  readonly crowded?: true;
  /** The connection turned out to be gone: another one may do. */
  readonly stale?: true;
  /** Nothing was begun on the host. */
  readonly started?: false;
}

export function sshFailure(message: string, cause?: unknown, details: SshDetails = {}): ComputeError {
  return new ComputeError('COMMAND_FAILED', message, { cause, details });
}

/** Why something was aborted: here always an error. */
export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('interrupted', { cause: signal.reason });
}

/** Whether these are among the error's details. */
export function isSsh(error: unknown, wanted: 'refused' | 'crowded' | 'stale'): boolean {
  return error instanceof ComputeError && error.details[wanted] === true;
}

/** In the way of a connection: whatever was to be done, it was not begun. */
export function notConnected(name: string, error: unknown): ComputeError {
  if (!(error instanceof ComputeError)) return sshFailure(`could not connect to ${name}`, error, { started: false });
  const refused = error.code === 'CONFIG_INVALID' || isSsh(error, 'refused');
  return sshFailure(error.message, error.cause, { started: false, ...(refused ? { refused } : {}) });
}

export const KEEPALIVES_UNANSWERED_MAX = 3;

export function tooSlow(hop: Hop): ComputeError {
  return sshFailure(`${placeOf(hop)} did not let us in within ${hop.connectTimeoutMs / 1000} s: is it up, and is its`
    + ' SSH port open from here?');
}

/** What was tried at a host's door. */
export interface Attempts {
  readonly tried: readonly string[];
  /** What was not tried, and why. */
  readonly skipped: readonly string[];
  /** The methods that the host would take. */
  readonly accepted: readonly string[];
  /** One of them was right, and the host wants another. */
  readonly partial: boolean;
}

export function notLetIn(hop: Hop, { tried, skipped, accepted, partial }: Attempts): string {
  return `${placeOf(hop)} did not let ${hop.user} in: tried ${tried.join(', ') || 'nothing'}`
    + (skipped.length === 0 ? '' : `; not used: ${skipped.join('; ')}`)
    + (accepted.length === 0 ? '' : `; it accepts ${accepted.join(', ')}`)
    + (partial ? '; the key was right, but it wants a further factor, and nobody can be asked here' : '')
    + `. Try: ${hop.command}`;
}

export function unreachableHost(hop: Hop, error: (Error & { readonly code?: string }) | undefined): ComputeError {
  const unread = hop.unread.length === 0 ? ''
    : ` (the OpenSSH configuration says more of it that is not read here: ${hop.unread.join(', ')})`;
  const where = placeOf(hop);
  switch (error?.code ?? '') {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return sshFailure(`no address is known for ${hop.host}: check the channel's hostname, and DNS${unread}`, error);
    case 'ECONNREFUSED':
      return sshFailure(`${where} refuses connections: no SSH server listens there${unread}`, error);
    default:
      return sshFailure(`could not connect to ${where}${unread}: ${error?.message ?? 'it hung up'}`, error);
  }
}

export function brokenOff(hop: Hop, trouble: (Error & { level?: string }) | undefined): ComputeError {
  const silent = trouble?.level === 'client-timeout';
  return sshFailure(silent
    ? `${hop.name} has not answered for ${KEEPALIVES_UNANSWERED_MAX * hop.keepaliveMs / 1000} s: connection given up`
    : `the connection to ${hop.name} broke`, trouble);
}

function placeOf({ name, host, port }: Hop): string {
  return name === host && port === 22 ? name : `${name} (${host}:${port})`;
}
