// A real sshd of a test's own: its keys, its port, its processes; and a home whose ~/.ssh is the test's, too. Works for
// root and for an ordinary user, who can then log in as themselves only.

import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/common/clock.ts';
import { parseChannel } from '../../providers/host/channel.ts';
import { LoginNode } from '../../providers/host/login-node.ts';
import { kill, until, withRun } from './harness.ts';

export const USER = userInfo().username;

export interface SshdOptions {
  /** Types of its host keys. */
  readonly hostKeys?: readonly string[];
  /** Public keys that may log in. */
  readonly authorized: readonly string[];
  /** Whether it has files to offer. */
  readonly sftp?: boolean;
  /** Lines of sshd_config that win over ours. */
  readonly lines?: readonly string[];
  /** Whose it is, if not this process's user's. */
  readonly as?: {
    readonly user: string;
    /** Where they can write. */
    readonly folder: string;
    /** The words that run a command as they would. */
    readonly command: (argv: readonly string[]) => readonly [string, ...string[]];
  };
}

export interface Sshd {
  readonly port: number;
  /** The line of known_hosts for its key of this type, under this name or its own. */
  readonly knownHost: (type?: string, name?: string) => string;
  readonly fingerprint: (type?: string) => string;
  /** Pids of the processes that serve connections. */
  readonly sessions: () => number[];
  readonly start: () => Promise<void>;
  /** Kills it and every connection. */
  readonly stop: () => Promise<void>;
  /** What it wrote. */
  readonly log: () => string;
}

/** The folder of one test with a home in it, the sshds in it, and login nodes that it asks for. */
export interface SshSite {
  readonly folder: string;
  readonly home: string;
  readonly at: (name: string) => string;
  readonly sshd: (options: SshdOptions) => Promise<Sshd>;
  /** Makes a key pair in the home's .ssh; returns its public key. */
  readonly key: (name: string, type?: string, passphrase?: string) => string;
  /** Writes ~/.ssh/known_hosts. */
  readonly know: (...lines: readonly string[]) => void;
  readonly login: (channel: Readonly<Record<string, unknown>>, agentSocket?: string) => LoginNode;
  /** Starts an ssh-agent; returns its socket. */
  readonly agent: () => Promise<string>;
}

export async function withSsh(use: (site: SshSite) => Promise<void>): Promise<void> {
  const sshd = programOf('sshd');
  await withRun(async (folder) => {
    const stops: (() => Promise<void>)[] = [];
    const home = join(folder, 'home');
    mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 });
    let count = 0;
    try {
      await use({
        folder, home, at: (name) => join(folder, name),
        sshd: async (options) => {
          const server = await startSshd(sshd, join(options.as?.folder ?? folder, `sshd-${++count}`), options);
          stops.unshift(server.stop);
          return server;
        },
        key: (name, type = 'ed25519', passphrase = '') => makeKey(join(home, '.ssh', name), type, passphrase),
        know: (...lines) => writeFileSync(join(home, '.ssh', 'known_hosts'), `${lines.join('\n')}\n`),
        login: (channel, agentSocket) => {
          const config = parseChannel({ type: 'SSHChannel', hostname: '127.0.0.1', ...channel });
          assert.ok(config.type === 'SSHChannel');
          const node = new LoginNode(config, { clock: systemClock, here: { home, user: USER, agentSocket } });
          stops.unshift(() => node.close());
          return node;
        },
        agent: async () => {
          const { socket, stop } = await startAgent(join(folder, `agent-${++count}`));
          stops.unshift(stop);
          return socket;
        },
      });
    } finally {
      for (const stop of stops) await stop();
    }
  });
}

/** One sshd that the key in ~/.ssh/id_ed25519 opens and whose own key is known. */
export async function withLogin(
  use: (node: LoginNode, site: SshSite & { readonly server: Sshd }) => Promise<void>,
  options: Omit<SshdOptions, 'authorized'> & { channel?: Readonly<Record<string, unknown>> } = {},
): Promise<void> {
  await withSsh(async (site) => {
    const { channel, ...own } = options;
    const server = await site.sshd({ authorized: [site.key('id_ed25519')], ...own });
    site.know(server.knownHost());
    await use(site.login({ port: server.port, ...channel }), { ...site, server });
  });
}

export function makeKey(path: string, type: string, passphrase: string): string {
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'test', '-f', path]);
  return readFileSync(`${path}.pub`, 'utf8').trim();
}

function programOf(name: string): string {
  const path = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'].map((folder) => join(folder, name))
    .find((candidate) => existsSync(candidate));
  assert.ok(path !== undefined, `${name} is missing, and this test needs a real one: install openssh-server`);
  return path;
}

async function startSshd(program: string, folder: string, options: SshdOptions): Promise<Sshd> {
  const { hostKeys = ['ed25519'], authorized, sftp = true, lines = [] } = options;
  mkdirSync(folder);
  // Where sshd keeps its unprivileged half when root starts it; a running system has it.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const publicKeys = new Map(hostKeys.map((type) => [type, makeKey(join(folder, `host_${type}`), type, '')]));
  const keyOf = (type = hostKeys[0] ?? ''): string => publicKeys.get(type) ?? assert.fail(`no host key of ${type}`);
  writeFileSync(join(folder, 'authorized'), `${authorized.join('\n')}\n`, { mode: 0o600 });
  const port = await freePort();
  const logPath = join(folder, 'log');
  const config = [
    ...lines, `Port ${port}`, 'ListenAddress 127.0.0.1', 'PidFile none', 'UsePAM no', 'StrictModes no',
    'PermitRootLogin yes', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no',
    `AuthorizedKeysFile ${join(folder, 'authorized')}`,
    'LogLevel VERBOSE', ...sftp ? ['Subsystem sftp internal-sftp'] : [],
    ...hostKeys.map((type) => `HostKey ${join(folder, `host_${type}`)}`),
  ];
  writeFileSync(join(folder, 'config'), `${config.join('\n')}\n`);
  if (options.as !== undefined) execFileSync('chown', ['--recursive', options.as.user, folder]);
  const argv = [program, '-D', '-f', join(folder, 'config'), '-E', logPath] as const;
  const [file, ...args] = options.as?.command(argv) ?? argv;
  let child: ChildProcess | undefined;
  const sessions = (): number[] => descendants(child?.pid ?? 0).filter((pid) => nameOf(pid) === 'sshd');
  const server: Sshd = {
    port, sessions,
    knownHost: (type, name = `[127.0.0.1]:${port}`) => `${name} ${keyOf(type).split(' ').slice(0, 2).join(' ')}`,
    fingerprint: (type = hostKeys[0]) => execFileSync('ssh-keygen', ['-lf', join(folder, `host_${type ?? ''}.pub`)])
      .toString().split(' ')[1] ?? '',
    log: () => readFileSync(logPath, 'utf8'),
    start: async () => {
      child = spawn(file, args, { stdio: 'ignore' });
      await until('sshd to listen', () => {
        assert.equal(child?.exitCode ?? null, null, existsSync(logPath) ? readFileSync(logPath, 'utf8') : 'sshd ended');
        return canConnect(port);
      });
    },
    stop: async () => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      const left = descendants(child.pid ?? 0);
      child.kill('SIGKILL');
      for (const pid of left) kill(pid, 'SIGKILL');
      await ended;
    },
  };
  await server.start();
  return server;
}

async function startAgent(socket: string): Promise<{ socket: string; stop: () => Promise<void> }> {
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  await until('the agent', () => existsSync(socket));
  return {
    socket,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

export function addToAgent(socket: string, path: string): void {
  execFileSync('ssh-add', ['-q', path], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
}

/** Children of a process, and theirs; not the process itself. */
function descendants(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'latin1');
      parents.set(Number(name), Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]));
    } catch { /* it ended */ }
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && parent > 1 && (parent === root || isBelow(parent));
  };
  return root === 0 ? [] : [...parents.keys()].filter(isBelow);
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return ''; // it ended
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
  });
}
