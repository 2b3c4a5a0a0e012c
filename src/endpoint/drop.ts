// A user endpoint's first act: to insist that nothing is left of the supervisor that started it. It runs before any
// other module is loaded, and before a word of the user's is read; so it imports nothing of ours.

import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

const IDS = ['real', 'effective', 'saved', 'file system'] as const;
const OWN_CAPABILITIES = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'] as const;

/** What the kernel says of a process. */
export interface Privileges {
  /** Real, effective, saved, and for the file system. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly groups: readonly number[];
  /** Of each of the five sets, as hexadecimal digits. */
  readonly capabilities: ReadonlyMap<string, string>;
  readonly noNewPrivileges: boolean;
}

/** Whom it is to be. */
export interface LocalUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** `text`: /proc/PID/status. What it does not say is not taken for granted. */
export function readPrivileges(text: string): Privileges {
  const fields = new Map(text.split('\n').map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  }));
  const numbers = (name: string): number[] => (fields.get(name) ?? '').split(/\s+/).filter(Boolean).map(Number);
  return {
    uids: numbers('Uid'), gids: numbers('Gid'), groups: numbers('Groups'),
    capabilities: new Map([...OWN_CAPABILITIES, 'CapBnd'].map((set) => [set, fields.get(set) ?? '?'])),
    noNewPrivileges: fields.get('NoNewPrivs') === '1',
  };
}

/** What nobody's endpoint may be, whoever started it; undefined: nothing. */
export function rootRemains({ uids, gids, capabilities }: Privileges): string | undefined {
  for (const [i, which] of IDS.entries()) {
    if (uids[i] === undefined || uids[i] === 0) return `the ${which} uid is ${uids[i] ?? 'unknown'}`;
    if (gids[i] === undefined || gids[i] === 0) return `the ${which} gid is ${gids[i] ?? 'unknown'}`;
  }
  const kept = OWN_CAPABILITIES.find((set) => !isEmpty(capabilities.get(set)));
  return kept && `the capabilities ${kept} are ${capabilities.get(kept)}`;
}

/** How it differs from what a privileged supervisor must have made of it; undefined: in nothing. */
export function strangerRemains(privileges: Privileges, user: LocalUser): string | undefined {
  const { uids, gids, groups, capabilities, noNewPrivileges } = privileges;
  for (const [i, which] of IDS.entries()) {
    if (uids[i] !== user.uid) return `the ${which} uid is ${uids[i]} and not ${user.uid}`;
    if (gids[i] !== user.gid) return `the ${which} gid is ${gids[i]} and not ${user.gid}`;
  }
  const has = new Set([...groups, user.gid]);
  const wanted = new Set([...user.groups, user.gid]);
  const foreign = [...has].filter((group) => !wanted.has(group));
  if (foreign.length > 0) return `the groups ${foreign.join(', ')} are not the user's`;
  const absent = [...wanted].filter((group) => !has.has(group));
  if (absent.length > 0) return `the user's groups ${absent.join(', ')} are missing`;
  if (!isEmpty(capabilities.get('CapBnd'))) return `the capabilities CapBnd are ${capabilities.get('CapBnd')}`;
  return noNewPrivileges ? undefined : 'new privileges are possible';
}

function isEmpty(set: string | undefined): boolean {
  return set !== undefined && /^0+$/.test(set);
}

/** Asks the kernel, and tries. */
export function keptOfRoot(): string | undefined {
  return rootRemains(ownPrivileges()) ?? regained();
}

/** For one whom a supervisor of another uid, or one that cannot be seen, has started. */
export function keptOfStranger(user: LocalUser, supervisorPid: number): string | undefined {
  if (uidOf(supervisorPid) === process.getuid?.()) return undefined;
  return strangerRemains(ownPrivileges(), user);
}

function ownPrivileges(): Privileges {
  return readPrivileges(readFileSync('/proc/self/status', 'utf8'));
}

function uidOf(pid: number): number | undefined {
  try {
    return readPrivileges(readFileSync(`/proc/${pid}/status`, 'utf8')).uids[0];
  } catch {
    return undefined; // it is gone, or hidden from other users
  }
}

function regained(): string | undefined {
  const { setuid, setgid, setgroups } = process;
  const attempts: readonly (readonly [string, () => void])[] = [
    ['setuid(0)', () => setuid?.(0)], ['setgid(0)', () => setgid?.(0)], ['setgroups(0)', () => setgroups?.([0])],
  ];
  for (const [what, attempt] of attempts) {
    try {
      attempt();
      return `${what} succeeded`;
    } catch {
      // As it must.
    }
  }
  return undefined;
}

/** Whether a descriptor beyond the standard ones is the runtime's own: of its pipes it has both ends. */
export function isOwnDescriptor(target: string, all: readonly string[]): boolean {
  if (target === '/dev/null' || target.startsWith('anon_inode:')) return true;
  return target.startsWith('pipe:') && all.filter((one) => one === target).length >= 2;
}

/**
 * Closes what was inherited. Returns what could not be. By what they are, and not by O_CLOEXEC: the runtime sets that
 * for the first few which it inherits, too.
 */
export function closeInherited(): string | undefined {
  for (const [descriptor, target] of inherited()) {
    try {
      closeSync(descriptor);
    } catch {
      return `the descriptor ${descriptor} (${target}) is open`;
    }
  }
  return undefined;
}

function inherited(): [number, string][] {
  const open = readdirSync('/proc/self/fd').flatMap((name): [number, string][] => {
    try {
      return [[Number(name), readlinkSync(`/proc/self/fd/${name}`)]];
    } catch {
      return []; // it was the listing's own
    }
  }).filter(([descriptor]) => descriptor > 2);
  const targets = open.map(([, target]) => target);
  return open.filter(([, target]) => !isOwnDescriptor(target, targets));
}
