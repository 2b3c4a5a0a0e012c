import { chmod } from 'node:fs/promises';
import { ComputeError } from '../../src/common/errors.ts';
import type { Effort } from '../effort.ts';
import { ServicePlace } from '../endpoint/place.ts';
import { LocalAccounts } from '../multi-user/accounts.ts';
import { crowd } from '../multi-user/crowd.ts';
import { firstResults } from '../multi-user/first-result.ts';
import { userPrograms } from '../multi-user/site.ts';
import { AGENT } from '../peers/agent.ts';
import { ensureEnvironment } from '../peers/python.ts';
import type { BenchReport } from '../results.ts';

const USERS = 50;
const USERS_QUICK = 5;
/** Users find the way to what is theirs below it, and cannot list it. */
const SHARED_MODE = 0o711;

/** User endpoints of one service: how soon the first one has a result, and fifty of fifty users. */
export async function multiUser(effort: Effort): Promise<Partial<BenchReport>> {
  if (process.getuid?.() !== 0) {
    throw new ComputeError('COMMAND_FAILED', 'multi-user endpoints and local accounts need root: run it as root');
  }
  const { directory, progress } = effort;
  const python = await ensureEnvironment(AGENT, effort.python, effort);
  await chmod(directory, SHARED_MODE);
  progress('making local accounts');
  await using accounts = await LocalAccounts.make(effort.quick ? USERS_QUICK : USERS, directory);
  const [account] = accounts.all;
  if (account === undefined) throw new Error('unreachable: there are accounts');
  const programs = await userPrograms(directory, python.folder, account);
  progress('starting a service with its broker');
  await using place = await ServicePlace.start(directory);
  const first = await firstResults({ place, python, account, programs }, effort);
  const all = await crowd({ place, accounts: accounts.all, programs }, effort);
  return { multi_user: { first_result_s: first, crowd: all } };
}
