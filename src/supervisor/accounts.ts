// Local accounts, as the system's own name service knows them: files, LDAP, SSSD. Its programs are asked, as nothing of
// Node's reaches it.

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { ComputeError } from '../common/errors.ts';
import { exec, type Output } from '../common/exec.ts';
import { accountNameProblem } from './account-name.ts';

export interface Account {
  readonly name: string;
  readonly uid: number;
  /** Of its primary group. */
  readonly gid: number;
  readonly gecos: string;
  readonly directory: string;
  readonly shell: string;
  /** The primary one first, then all supplementary ones. */
  readonly groups: readonly number[];
}

export interface NameService {
  /** Where its programs may be, the first that is there. Not by PATH: the supervisor's may be anything. */
  readonly getent: readonly string[];
  readonly id: readonly string[];
  /** A directory server that does not answer must not hold up a start for ever. */
  readonly timeoutMs: number;
}

const NAME_SERVICE: NameService = {
  getent: ['/usr/bin/getent', '/bin/getent', '/run/current-system/sw/bin/getent'],
  id: ['/usr/bin/id', '/bin/id', '/run/current-system/sw/bin/id'],
  timeoutMs: 8_000,
};
const OUTPUT_BYTES_MAX = 1024 * 1024;
const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
/** What `getent` says when there is nothing of that name. */
const EXIT_NOT_FOUND = 2;

/** -1, in four bytes: "leave it as it is". */
const ID_LIMIT = 2 ** 32 - 1;
/** From here on, programs that count with a sign read a negative number. */
const SIGNED_LIMIT = 2 ** 31;
/** What the kernel shows in the place of ids that it cannot. */
const OVERFLOW_ID = 65_534;

/**
 * undefined: there is none of that name, or can be none; a name that a program would read as an option or a number
 * reaches none. Throws COMMAND_FAILED when the name service fails, does not answer in time, or contradicts itself.
 */
export async function findAccount(
  name: string, signal?: AbortSignal, service: NameService = NAME_SERVICE,
): Promise<Account | undefined> {
  if (accountNameProblem(name) !== undefined) return undefined;
  const run = async (program: string, ...words: string[]): Promise<Output> => await exec([program, ...words], {
    timeoutMs: service.timeoutMs, cwd: '/', env: ENVIRONMENT, signal, outputBytesMax: OUTPUT_BYTES_MAX,
  });
  const answer = await run(await firstOf(service.getent), 'passwd', name);
  if (answer.code === EXIT_NOT_FOUND) return undefined;
  if (answer.code !== 0) throw failed(name, `getent ended with ${answer.code ?? answer.signal}`);
  const record = recordOf(answer.stdout);
  if (record === undefined) throw failed(name, 'getent did not answer with one account');
  // Another spelling is another name, to whoever compares the two.
  if (record.name !== name) return undefined;
  const groups = groupsOf(await run(await firstOf(service.id), '-G', name));
  if (groups === undefined) throw failed(name, 'id did not answer with its groups');
  if (!groups.includes(record.gid)) throw failed(name, 'id does not count its primary group: was it just changed?');
  return { ...record, groups: [record.gid, ...groups.filter((gid) => gid !== record.gid)] };
}

/** The supervisor's side of the question whether an account may be used. */
export interface Supervisor {
  readonly uid: number;
  readonly name: string;
  /** The smallest uid that somebody may be mapped to. */
  readonly minimumUid: number;
}

/** Who serves several users. */
export const ROOT = { uid: 0, name: 'root' } as const;

/** Why nobody's tasks may run as this account; undefined: they may. Its shell and expiry are for PAM to look at. */
export function refusalOf(account: Account, supervisor: Supervisor): string | undefined {
  const { name, uid, gid, groups } = account;
  const { minimumUid } = supervisor;
  if (uid === supervisor.uid || name === supervisor.name) return sameUser(account, supervisor);
  if (uid === 0) return `${name} has uid 0: nobody's tasks run as root`;
  const badUid = idProblem(uid);
  if (badUid !== undefined) return `${name} has uid ${uid}, ${badUid}`;
  if (uid < minimumUid) {
    return `${name} has uid ${uid}, which is below minimum_uid (${minimumUid}): an account of the system, not of a `
      + 'person. If it is somebody\'s, set minimum_uid in config.yaml to the smallest uid of a person';
  }
  // Who is in the group of root reads and writes what is meant for administrators.
  if (gid === 0) return `the primary group of ${name} is 0, root's`;
  if (groups.includes(0)) return `${name} is in group 0, root's`;
  const bad = groups.find((group) => idProblem(group) !== undefined);
  return bad === undefined ? undefined : `${name} is in group ${bad}, ${idProblem(bad)}`;
}

function idProblem(id: number): string | undefined {
  if (!Number.isInteger(id) || id < 0 || id >= ID_LIMIT) return 'which is no id of an account';
  if (id >= SIGNED_LIMIT) return 'which some programs read as a negative number';
  return id === OVERFLOW_ID ? 'which stands for ids that cannot be shown' : undefined;
}

function sameUser({ name, uid }: Account, supervisor: Supervisor): string {
  return `${name} (uid ${uid}) is the account that the endpoint itself runs as (${supervisor.name}, uid `
    + `${supervisor.uid}), with all its rights: run the endpoint as an account without privileges, take the privileges `
    + 'from this one, or take identity_mapping_config_path out of config.yaml, so that it serves its owner alone';
}

async function firstOf(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    const isThere = await access(path, constants.X_OK).then(() => true, () => false);
    if (isThere) return path;
  }
  throw new ComputeError('COMMAND_FAILED', `cannot ask for accounts: there is none of ${paths.join(', ')}`);
}

/** undefined: it is not exactly one record of seven fields. */
function recordOf(text: string): Omit<Account, 'groups'> | undefined {
  const lines = text.split('\n').filter((line) => line !== '');
  const fields = lines.length === 1 ? lines[0]?.split(':') ?? [] : [];
  const [name, , uidText, gidText, gecos, directory, shell] = fields;
  const [uid, gid] = [idOf(uidText), idOf(gidText)];
  if (fields.length !== 7 || uid === undefined || gid === undefined) return undefined;
  if (name === undefined || gecos === undefined || directory === undefined || shell === undefined) return undefined;
  return { name, uid, gid, gecos, directory, shell };
}

function groupsOf({ code, stdout }: Output): number[] | undefined {
  const groups = stdout.trim().split(/\s+/).map(idOf);
  return code === 0 && groups.every((group) => group !== undefined) ? groups : undefined;
}

/** A number as it is meant, without a sign, and in four bytes: what is more would be cut to another number. */
function idOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id < ID_LIMIT ? id : undefined;
}

function failed(name: string, what: string): ComputeError {
  return new ComputeError('COMMAND_FAILED', `cannot look up the local account ${name}: ${what}`);
}
