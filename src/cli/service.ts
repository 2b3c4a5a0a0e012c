// `switchyard service`: starts the web service, and asks one that runs on this machine to add and remove users.

import { homedir } from 'node:os';
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { isMapping } from '../common/schema.ts';
import { parseYaml } from '../common/yaml.ts';
import { misuse, storageFailed } from './failure.ts';
import { wholeNumber } from './options.ts';
import { startService } from './service-process.ts';
import { ServiceAdmin } from './service-admin.ts';

export interface StartOptions {
  readonly config?: string;
  readonly directory?: string;
  readonly host?: string;
  readonly port?: number;
  readonly publicUrl?: string;
  readonly databaseUrl?: string;
  readonly brokerUrl?: string;
  readonly managementUrl?: string;
  readonly logFile?: string;
  readonly json?: true;
  readonly verbose?: true;
}

interface UserOptions {
  readonly directory?: string;
  readonly json?: true;
  readonly expires: number;
  readonly name?: string;
  readonly email?: string;
}

const DEFAULT_DIRECTORY = join(homedir(), '.switchyard', 'service');
const EXPIRES_DAYS = 365;

const EXAMPLES = `
Examples:
  switchyard service start
  switchyard service start --port 8000 --directory /srv/switchyard --database-url postgres://switchyard@db/switchyard
  switchyard service user add alice@example.org
  switchyard service user list --json

Exit status: 0 done, 64 the command line or a file must change, 69 the service is not there, or cannot start.
`;

export function serviceCommand(): Command {
  const service = new Command('service').description('run the web service, and manage its users').helpCommand(false)
    .addHelpText('after', EXAMPLES);
  service.addCommand(startCommand());
  service.addCommand(userCommand());
  service.addCommand(tokenCommand());
  return service;
}

function startCommand(): Command {
  return withDirectory(new Command('start'))
    .description('run the service until Ctrl-C or SIGTERM')
    .option('-c, --config <file>', 'a YAML file with the same settings, and more')
    .option('--host <address>', 'where to listen (127.0.0.1)')
    .option('--port <number>', 'which port to listen at (5000, which unchanged Python SDKs look for)', wholeNumber(0))
    .option('--public-url <url>', 'how users reach the service')
    .option('--database-url <url>', 'a PostgreSQL server; without one a database in the data directory')
    .option('--broker-url <url>', 'a RabbitMQ server; without one a private one is started')
    .option('--management-url <url>', "that server's management API")
    .option('--log-file <file>', 'where the log goes (standard error)')
    .option('--json', 'say in JSON where it listens')
    .option('--verbose', 'say where in the code a failure comes from')
    .action(async (options: StartOptions) => {
      process.exitCode = await startService(await configOf(options), options.json === true);
    });
}

function userCommand(): Command {
  const user = new Command('user').description('who may use the service').helpCommand(false);
  user.addCommand(withAnswer(new Command('add').argument('<name@domain>').description('add a user and print a token'))
    .option('--expires <days>', 'how long the token is good', wholeNumber(1), EXPIRES_DAYS)
    .option('--name <text>', "the person's full name").option('--email <address>', 'where the person is reached')
    .action(async (username: string, { name, email, ...options }: UserOptions) => {
      await adminOf(options).addUser(username, { days: options.expires, name, email });
    }));
  user.addCommand(withAnswer(new Command('list').description('list users and their tokens'))
    .action((options: UserOptions) => adminOf(options).listUsers()));
  user.addCommand(withAnswer(
    new Command('remove').argument('<name@domain>').description('remove a user with all tokens'),
  )
    .action((username: string, options: UserOptions) => adminOf(options).removeUser(username)));
  return user;
}

function tokenCommand(): Command {
  const token = new Command('token').description('what users prove themselves with').helpCommand(false);
  token.addCommand(withAnswer(
    new Command('add').argument('<name@domain>').description('print another token for a user'),
  )
    .option('--expires <days>', 'how long it is good', wholeNumber(1), EXPIRES_DAYS)
    .action((username: string, options: UserOptions) => adminOf(options).addToken(username, options.expires)));
  token.addCommand(withAnswer(new Command('revoke').argument('<id>')
    .description('withdraw a token, and all that programs got with it'))
    .action((id: string, options: UserOptions) => adminOf(options).revokeToken(id)));
  return token;
}

function withDirectory(command: Command): Command {
  return command.option('-d, --directory <path>', `the service's data directory (${DEFAULT_DIRECTORY})`);
}

function withAnswer(command: Command): Command {
  return withDirectory(command).option('--json', 'print JSON').option('--verbose', 'say where a failure comes from');
}

function adminOf({ directory = DEFAULT_DIRECTORY, json }: Pick<UserOptions, 'directory' | 'json'>): ServiceAdmin {
  return new ServiceAdmin(directory, json === true);
}

/** The file's keys, with those of the command line over them. The service checks both. */
async function configOf(options: StartOptions): Promise<Record<string, unknown>> {
  const { config, directory, host, port, publicUrl, databaseUrl, brokerUrl, managementUrl, logFile } = options;
  const file = config === undefined ? {} : await readConfig(config);
  const given = withoutGaps({
    data_directory: directory, host, port, public_url: publicUrl, database_url: databaseUrl, log_file: logFile,
  });
  const broker = withoutGaps({ url: brokerUrl, management_url: managementUrl });
  const both = { data_directory: DEFAULT_DIRECTORY, ...file, ...given };
  if (Object.keys(broker).length === 0) return both;
  return { ...both, broker: { ...isMapping(file['broker']) ? file['broker'] : {}, ...broker } };
}

async function readConfig(path: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw storageFailed(`cannot read ${path}`, cause);
  }
  const value = parseYaml(text, path) ?? {};
  if (!isMapping(value)) throw misuse(`${path}: expected keys and values`);
  return value;
}

function withoutGaps(all: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
