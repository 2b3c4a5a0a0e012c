// What this process may do beyond its own account. It decides whom a multi-user endpoint serves: with an identity map
// everybody who is in it, and without privileges only its owner.

import { readFileSync } from 'node:fs';
import { ComputeError } from '../common/errors.ts';

export interface Privileges {
  /** It can do what ordinary users cannot. */
  readonly privileged: boolean;
  /** It can become other users, so the identity map is for it. */
  readonly changesUsers: boolean;
  /** It is root itself. */
  readonly root: boolean;
}

// Numbers of linux/capability.h. What else there is (KILL, NET_ADMIN and so on) makes privileged all the same.
const CHANGING_USERS: readonly number[] = [
  0, // CHOWN
  1, // DAC_OVERRIDE
  2, // DAC_READ_SEARCH
  3, // FOWNER
  4, // FSETID
  6, // SETGID
  7, // SETUID
  31, // SETFCAP
];
const EXIT_NO_MAP = 72;

/** `status`: /proc/self/status. */
export function privilegesIn(status: string): Privileges {
  const uids = /^Uid:\s+(\d+)\s+(\d+)/m.exec(status);
  const root = uids === null || uids[1] === '0' || uids[2] === '0';
  const effective = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)/mi.exec(status)?.[1] ?? '0'}`);
  return {
    root, privileged: root || effective !== 0n,
    changesUsers: root || CHANGING_USERS.some((bit) => (effective >> BigInt(bit) & 1n) === 1n),
  };
}

export function ownPrivileges(): Privileges {
  return privilegesIn(readFileSync('/proc/self/status', 'utf8'));
}

/**
 * The identity map to use; null: only the owner is served. `warn` hears of a map that is not used. Throws, with the
 * field's exit status, where everybody's tasks would run with privileges.
 */
export function mapFor(
  { privileged, changesUsers }: Privileges, path: string | null, warn: (text: string) => void,
): string | null {
  if (changesUsers && path !== null) return path;
  if (privileged) {
    throw new ComputeError('CONFIG_INVALID', 'No identity mapping file specified; please specify '
      + 'identity_mapping_config_path: a privileged multi-user endpoint needs to know who is which local user. '
      + '(Without one, start it as an ordinary user; it then serves its owner alone.)',
    { details: { exitStatus: EXIT_NO_MAP } });
  }
  if (path !== null) {
    warn(`identity_mapping_config_path: this process cannot change users, so the identity mapping configuration will be`
      + ` ignored (${path}); only its owner is served`);
  }
  return null;
}
