// What a private broker needs on disk: its settings, its secrets and the ports that it keeps.

import { randomBytes } from 'node:crypto';
import { access, chmod, constants, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { userInfo } from 'node:os';
import { brokerUrl } from '../amqp/url.ts';
import { ComputeError } from '../common/errors.ts';
import type { Logger } from '../common/log.ts';

/** A broker of the service's own, from the installed `rabbitmq-server`. */
export interface PrivateBrokerConfig {
  /** Its data, settings, logs and passwords. Made if it is not there, mode 0700. */
  readonly directory: string;
  /** The address it listens at for endpoints and clients. Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default: any free port the first time, which is then kept: running endpoints know it. */
  readonly port?: number | undefined;
  /** What endpoints and clients are told instead of `host`. */
  readonly public_host?: string | undefined;
  /** The program, where it is not in its usual places. */
  readonly program?: string | undefined;
}

export interface BrokerFiles {
  readonly directory: string;
  readonly host: string;
  readonly port: number;
  readonly server: string;
  readonly epmd: string;
  readonly epmdPort: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly logDirectory: string;
  /** What it printed since its last start. */
  readonly startLog: string;
  readonly url: string;
  readonly managementUrl: string;
  readonly publicUrl: string;
}

const USER = 'switchyard';
const HOST = '127.0.0.1';
const SERVERS = [
  '/usr/lib/rabbitmq/bin/rabbitmq-server', '/usr/local/lib/rabbitmq/bin/rabbitmq-server',
  '/opt/homebrew/sbin/rabbitmq-server', '/usr/local/sbin/rabbitmq-server',
];
const PORT_MAPPERS = ['/usr/bin/epmd', '/usr/lib/erlang/bin/epmd', '/opt/homebrew/bin/epmd', '/usr/local/bin/epmd'];
const WORDS_MAX = 600;

export async function installBroker(config: PrivateBrokerConfig, log: Logger): Promise<BrokerFiles> {
  const server = await firstThere(config.program === undefined ? SERVERS : [config.program]);
  const epmd = await firstThere(PORT_MAPPERS);
  if (server === undefined || epmd === undefined) {
    throw new ComputeError('START_FAILED', 'rabbitmq-server is not installed: run "apt-get install rabbitmq-server" '
      + '(Debian, Ubuntu) or "dnf install rabbitmq-server", or give the URL of a broker that runs elsewhere');
  }
  if (userInfo().uid === 0) log.warn('private broker runs as root: an ordinary user would do');
  const directory = resolve(config.directory);
  const home = join(directory, 'home');
  const logDirectory = join(directory, 'log');
  for (const one of [directory, home, logDirectory]) await mkdir(one, { recursive: true, mode: 0o700 });
  const password = await secretIn(join(directory, 'password'));
  await secretIn(join(home, '.erlang.cookie'), 0o400);
  const host = config.host ?? HOST;
  const port = config.port ?? await keptPort(join(directory, 'port'), host);
  const [management, epmdPort, distribution] = await freePorts(3);
  await writeFile(join(directory, 'rabbitmq.config'), settings({ host, port, management, password }), { mode: 0o600 });
  await writeFile(join(directory, 'enabled_plugins'), '[rabbitmq_management].\n');
  const own = (address: string, at: number): string => `amqp://${bracketed(address)}:${at}`;
  const reached = host === '0.0.0.0' || host === '::' ? HOST : host;
  return {
    directory, host, port, server, epmd, epmdPort, logDirectory, startLog: join(logDirectory, 'start.log'),
    environment: environmentOf({ directory, home, logDirectory, epmdPort, distribution }),
    url: brokerUrl(own(reached, port), { username: USER, password }),
    managementUrl: brokerUrl(`http://${HOST}:${management}`, { username: USER, password }),
    publicUrl: own(config.public_host ?? reached, port),
  };
}

/** The end of what the broker printed, on one line, for people. */
export async function lastWords({ startLog }: BrokerFiles): Promise<string> {
  const text = await readFile(startLog, 'utf8').catch(() => '');
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const end = lines.slice(-8).join(' / ');
  return end === '' ? 'it said nothing' : end.slice(-WORDS_MAX);
}

interface Settings {
  readonly host: string;
  readonly port: number;
  readonly management: number;
  readonly password: string;
}

// Erlang terms: the newer form is translated at each start, which takes two seconds.
function settings({ host, port, management, password }: Settings): string {
  return `[
 {rabbit, [
  {tcp_listeners, [{"${host}", ${port}}]},
  {tcp_listen_options, [{backlog, 1024}, {nodelay, true}, {linger, {true, 0}}, {exit_on_close, false}]},
  {default_user, <<"${USER}">>}, {default_pass, <<"${password}">>}, {default_user_tags, [administrator]},
  {loopback_users, []},
  {disk_free_limit, 536870912},
  {log, [{file, [{level, info}, {size, 10485760}, {count, 5}]}, {console, [{enabled, false}]}]}
 ]},
 {rabbitmq_management, [{tcp_config, [{ip, "${HOST}"}, {port, ${management}}]}, {rates_mode, none}]}
].
`;
}

interface Places {
  readonly directory: string;
  readonly home: string;
  readonly logDirectory: string;
  readonly epmdPort: number;
  readonly distribution: number;
}

function environmentOf({ directory, home, logDirectory, epmdPort, distribution }: Places): Record<string, string> {
  return {
    HOME: home,
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    RABBITMQ_NODENAME: 'switchyard@localhost',
    RABBITMQ_DIST_PORT: String(distribution),
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: HOST,
    RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq.config'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(directory, 'advanced.config'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: join(directory, 'data'),
    RABBITMQ_LOG_BASE: logDirectory,
    RABBITMQ_PID_FILE: join(directory, 'broker.pid'),
    // Its start script then becomes the broker itself, so that a signal to it reaches the broker.
    RUNNING_UNDER_SYSTEMD: 'true',
    // Its schedulers would wait for work in a loop, at the cost of everything else on the machine.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none',
  };
}

/** A random text that is made once. */
async function secretIn(path: string, mode = 0o600): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    const secret = randomBytes(24).toString('hex');
    await writeFile(path, secret, { mode: 0o600, flag: 'wx' });
    await chmod(path, mode);
    return secret;
  }
}

async function keptPort(path: string, host: string): Promise<number> {
  const kept = Number(await readFile(path, 'utf8').catch(() => ''));
  if (kept > 0) return kept;
  const [port] = await freePorts(1, host);
  await writeFile(path, `${port}\n`, { mode: 0o600 });
  return port;
}

/** Ports that were free a moment ago, all different. */
async function freePorts(count: 1, host: string): Promise<[number]>;
async function freePorts(count: 3): Promise<[number, number, number]>;
async function freePorts(count: number, host = HOST): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>(
    (done, failed) => {
      const server = createServer().once('error', failed).listen(0, host, () => done(server));
    },
  )));
  return Promise.all(servers.map((server) => new Promise<number>((done) => {
    const address = server.address();
    server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
  })));
}

export function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(port, host, () => server.close(() => done(true)));
  });
}

async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const found = await access(path, constants.X_OK).then(() => true, () => false);
    if (found) return path;
  }
  return undefined;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
