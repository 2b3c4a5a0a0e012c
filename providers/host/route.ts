// The way to a login node: from the channel's keys, the user's OpenSSH configuration and OpenSSH's defaults, in this
// order, to a list of hops.

import { readFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { ComputeError } from '../../src/common/errors.ts';
import { splitJumps, type SshChannel } from './channel.ts';
import { settingsFor, type HostSettings } from './ssh-config.ts';

export interface Hop {
  /** As the user calls it. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly keyFiles: readonly string[];
  /** The user named the keys: they go before those of the agent, and a missing one is told. */
  readonly keysNamed: boolean;
  readonly agentSocket: string | undefined;
  readonly knownHostsFiles: readonly string[];
  readonly keepaliveMs: number;
  readonly connectTimeoutMs: number;
  /** How to get there with OpenSSH: 'ssh -p 2222 -J jump user@host'. */
  readonly command: string;
  /** Lines of the OpenSSH configuration that concern this host and have no meaning here. */
  readonly unread: readonly string[];
}

/** The user at this machine. */
export interface Surroundings {
  readonly home: string;
  readonly user: string;
  readonly agentSocket: string | undefined;
}

const KEEPALIVE_S = 15;
const HOPS_MAX = 8;
const DEFAULT_KEYS = ['~/.ssh/id_ed25519', '~/.ssh/id_ecdsa', '~/.ssh/id_rsa'];
const DEFAULT_KNOWN_HOSTS = ['~/.ssh/known_hosts', '~/.ssh/known_hosts2'];
const SITE_KNOWN_HOSTS = ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'];

export function surroundings(): Surroundings {
  return { home: homedir(), user: userInfo().username, agentSocket: process.env['SSH_AUTH_SOCK'] };
}

/** The hops in order; the last is the login node. Throws CONFIG_INVALID. */
export async function routeOf(channel: SshChannel, here: Surroundings): Promise<Hop[]> {
  const text = await readConfig(channel, here);
  const target = { name: channel.hostname, user: channel.username ?? undefined, port: channel.port ?? undefined };
  const stops = stopsTo(target, channel.jumps, text, channel.hostname);
  return stops.map((stop, i) => hopOf(stop, stops.slice(0, i), channel, here));
}

async function readConfig({ configFile }: SshChannel, here: Surroundings): Promise<string> {
  if (configFile === 'none') return '';
  const path = expand(configFile, here);
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const isAbsent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (configFile === '~/.ssh/config' && isAbsent) return '';
    throw new ComputeError('CONFIG_INVALID', `the OpenSSH configuration ${path} cannot be read`, { cause });
  }
}

interface Wanted {
  readonly name: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
}

interface Stop extends Wanted {
  readonly settings: HostSettings;
}

/** A host and, before it, what it is reached through: as told, or as its own ProxyJump says. */
function stopsTo(wanted: Wanted, told: readonly string[] | null, text: string, target: string, depth = 1): Stop[] {
  if (depth > HOPS_MAX) {
    throw new ComputeError('CONFIG_INVALID', `the way to ${target} has more than ${HOPS_MAX} hops: look for a ProxyJump`
      + ' in ~/.ssh/config that leads back to itself');
  }
  const settings = settingsFor(text, wanted.name);
  const jumps = (told ?? splitJumps(settings.proxyJump ?? 'none')).filter((jump) => jump !== 'none');
  // Only the first has a way of its own; between the others the way is told.
  const before = jumps.flatMap((jump, i) =>
    stopsTo(parseJump(jump), i === 0 ? null : [], text, target, depth + jumps.length - i));
  return [...before, { ...wanted, settings }];
}

/** '[user@]host[:port]', an IPv6 address in brackets, or the same behind 'ssh://'. */
function parseJump(jump: string): Wanted {
  const match = /^(?:ssh:\/\/)?(?:([^@\s]+)@)?(?:\[([^\]\s]+)\]|([^-:@\s[][^:@\s]*))(?::(\d{1,5}))?\/?$/.exec(jump);
  const name = match?.[2] ?? match?.[3];
  if (name === undefined) {
    throw new ComputeError('CONFIG_INVALID', `"${jump}" is not a jump host: expected [user@]host[:port]`);
  }
  return { name, user: match?.[1], port: match?.[4] === undefined ? undefined : Number(match[4]) };
}

function hopOf(stop: Stop, before: readonly Stop[], channel: SshChannel, here: Surroundings): Hop {
  const { settings, name } = stop;
  const port = stop.port ?? settings.port ?? 22;
  const user = stop.user ?? settings.user ?? here.user;
  const host = (settings.hostName ?? name).replaceAll('%h', name).replaceAll('%%', '%');
  const tokens: Readonly<Record<string, string>> = {
    '%': '%', d: here.home, h: host, n: name, p: String(port), r: user, u: here.user,
  };
  const paths = (files: readonly string[]): string[] => files.filter((file) => file !== 'none')
    .map((file) => expand(file.replaceAll(/%([%dhnpru])/g, (_, token: string) => tokens[token] ?? ''), here));
  const named = channel.keyFiles ?? (settings.identityFiles.length > 0 ? settings.identityFiles : null);
  return {
    name, host, port, user,
    keyFiles: paths(named ?? DEFAULT_KEYS),
    keysNamed: channel.keyFiles !== null,
    agentSocket: here.agentSocket === '' ? undefined : here.agentSocket,
    knownHostsFiles: channel.knownHostsFiles === null
      ? [...paths(settings.knownHostsFiles ?? DEFAULT_KNOWN_HOSTS), ...SITE_KNOWN_HOSTS]
      : paths(channel.knownHostsFiles),
    keepaliveMs: (channel.keepaliveS ?? settings.keepaliveS ?? KEEPALIVE_S) * 1000,
    connectTimeoutMs: channel.connectTimeoutS * 1000,
    command: sshCommand(host, port, user, before),
    unread: settings.unread,
  };
}

function sshCommand(host: string, port: number, user: string, before: readonly Stop[]): string {
  const jumps = before.map((stop) => {
    const at = stop.port === undefined ? '' : `:${stop.port}`;
    return `${stop.user === undefined ? '' : `${stop.user}@`}${stop.name}${at}`;
  });
  return ['ssh', ...(port === 22 ? [] : [`-p ${port}`]), ...(jumps.length === 0 ? [] : [`-J ${jumps.join(',')}`]),
    `${user}@${host}`].join(' ');
}

/** A path as OpenSSH reads it: `~` is the home, and relative ones begin in this folder. */
function expand(path: string, { home }: Surroundings): string {
  if (path === '~' || path.startsWith('~/')) return join(home, path.slice(1));
  return isAbsolute(path) ? path : resolve(path);
}
