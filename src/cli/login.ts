// `switchyard login`, `logout` and `whoami`: who this machine is to the service.

import { Command } from 'commander';
import { systemClock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import { EXIT_NOT_ALLOWED } from '../common/shutdown.ts';
import { Client } from '../sdk/client.ts';
import {
  hasClient, readCredentials, removeCredentials, serviceUrl, writeCredentials, type StoredCredentials,
} from '../sdk/credentials.ts';
import type { UserInfo } from '../sdk/answers.ts';
import { beginLogIn, finishLogIn, revoke } from '../sdk/log-in.ts';
import { endpointsDirectory } from './endpoint-directory.ts';
import { listEndpoints } from './endpoint-list.ts';
import { PATIENCE_MS } from './endpoint-registration.ts';
import { causeText, misuse, refusedWith } from './failure.ts';
import { ask, askSecret } from './prompt.ts';

interface CommonOptions {
  readonly configDir?: string;
  readonly force?: true;
  readonly json?: true;
}

interface LoginOptions extends CommonOptions {
  readonly token?: true;
}

const EXAMPLES = `
Examples:
  switchyard login
  switchyard login --token < token.txt
  SWITCHYARD_SERVICE_URL=https://compute.example.org switchyard login

Exit status: 0 done, 64 the command line must change, 69 the service failed, 75 it cannot be reached, 77 it does not
take the code or the token.
`;

export function loginCommand(): Command {
  return common(new Command('login')).description('log in to the service')
    .option('--token', 'with a token that an administrator gave out, from standard input or a prompt')
    .option('--force', 'even if somebody is logged in')
    .addHelpText('after', EXAMPLES)
    .action(async (_: LoginOptions, command: Command) => { await logIn(command.optsWithGlobals()); });
}

export function logoutCommand(): Command {
  return common(new Command('logout')).description('forget who is logged in, and give the tokens back')
    .option('--force', 'even if endpoints run, or the service cannot be reached')
    .action(async (_: CommonOptions, command: Command) => { await logOut(command.optsWithGlobals()); });
}

export function whoamiCommand(): Command {
  return common(new Command('whoami')).description('say who is logged in')
    .option('--linked-identities', 'list every identity of theirs; a service of this kind links none to another')
    .action(async (_: CommonOptions, command: Command) => { await whoAmI(command.optsWithGlobals()); });
}

function common(command: Command): Command {
  return command.option('--json', 'print JSON').option('--verbose', 'say where a failure comes from');
}

async function logIn({ token, force, json }: LoginOptions): Promise<void> {
  if (hasClient()) {
    throw misuse('GLOBUS_COMPUTE_CLIENT_ID and GLOBUS_COMPUTE_CLIENT_SECRET say who you are: there is nothing to log in'
      + ' for while they are set');
  }
  const service = serviceUrl();
  const nowS = systemClock.now() / 1000;
  const stored = await readCredentials(service);
  if (stored !== undefined && !force && (stored.expires ?? Infinity) > nowS) {
    print(json, { service, username: stored.username ?? null, already: true },
      'Already logged in. Use --force to run login flow anyway');
    return;
  }
  const found = token ? await givenToken(service) : await tokenByCode(service);
  const user = await new Client({ serviceUrl: service, token: found.token }).userInfo({ patienceMs: PATIENCE_MS });
  await writeCredentials(service, { ...found, username: user.username });
  print(json, { service, username: user.username, id: user.id }, `Logged in to ${service} as ${user.username}`);
}

async function givenToken(service: string): Promise<StoredCredentials> {
  const token = await askSecret(`Token for ${service}: `);
  if (token !== undefined) return { token };
  throw misuse('there was no token on standard input');
}

async function tokenByCode(service: string): Promise<StoredCredentials> {
  const begun = beginLogIn(service);
  const line = '-'.repeat(36);
  process.stderr.write(`Please authenticate here:\n${line}\n${begun.url}\n${line}\n`);
  const code = await ask('Enter the resulting Authorization Code here: ');
  if (code === undefined) {
    throw refusedWith(EXIT_NOT_ALLOWED, 'there was no code on standard input: log in at a terminal, or with --token, or'
      + ' set GLOBUS_COMPUTE_CLIENT_ID and GLOBUS_COMPUTE_CLIENT_SECRET');
  }
  return await finishLogIn(service, begun, code, systemClock.now() / 1000);
}

async function logOut({ configDir, force, json }: CommonOptions): Promise<void> {
  const service = serviceUrl();
  const stored = await readCredentials(service);
  const running = (await listEndpoints(endpointsDirectory(configDir, process.env)))
    .filter(({ status }) => status === 'Running').map(({ name }) => name);
  if (running.length > 0 && !force) {
    throw misuse(`The following endpoints are currently running: ${running.join(', ')}. Please use logout --force to`
      + ' proceed');
  }
  if (stored !== undefined) await giveBack(service, stored, force === true);
  await removeCredentials(service);
  const text = stored === undefined ? `Nobody was logged in to ${service}`
    : stored.expires === undefined
      ? `Logout succeeded: the token for ${service} is no longer on this machine. It is good until an administrator`
        + ' withdraws it'
      : 'Logout succeeded and all cached credentials were revoked';
  print(json, { service, username: stored?.username ?? null, loggedOut: stored !== undefined }, text);
}

async function giveBack(service: string, { token, refresh }: StoredCredentials, force: boolean): Promise<void> {
  try {
    await revoke(service, token);
    if (refresh !== undefined) await revoke(service, refresh);
  } catch (error) {
    if (!force || !(error instanceof ComputeError)) throw error;
    process.stderr.write(`switchyard logout: ${causeText(error)}; the token stays good until it ends by itself\n`);
  }
}

async function whoAmI({ json }: CommonOptions): Promise<void> {
  const user = await new Client().userInfo({ patienceMs: PATIENCE_MS });
  print(json, user, userTable(user));
}

function userTable({ username, name = '', id, email = '' }: UserInfo): string {
  const rows = [['USERNAME', 'NAME', 'ID', 'EMAIL'], [username, name, id, email]];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ').trimEnd()).join('\n');
}

function print(json: true | undefined, document: object, text: string): void {
  process.stdout.write(`${json ? JSON.stringify(document) : text}\n`);
}
