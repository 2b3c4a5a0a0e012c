import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import test from 'node:test';
import { ComputeError } from '../../../../src/common/errors.ts';
import { parseChannel } from '../../../../providers/host/channel.ts';
import { routeOf, type Hop } from '../../../../providers/host/route.ts';
import { scratch } from '../../../fakes/scratch.ts';

async function route(config: string | undefined, keys: Readonly<Record<string, unknown>>): Promise<Hop[]> {
  await using folder = await scratch();
  const channel = parseChannel({ type: 'SSHChannel', ...keys });
  assert.ok(channel.type === 'SSHChannel');
  if (config !== undefined) {
    await mkdir(folder.at('.ssh'));
    await writeFile(folder.at('.ssh/config'), config);
  }
  const hops = await routeOf(channel, { home: folder.path, user: 'me', agentSocket: '/agent' });
  // The home has another name each time.
  return JSON.parse(JSON.stringify(hops).replaceAll(folder.path, '/home/me')) as Hop[];
}

test('without any configuration, as OpenSSH would', async () => {
  assert.deepEqual(await route(undefined, { hostname: 'login' }), [{
    name: 'login', host: 'login', port: 22, user: 'me', agentSocket: '/agent',
    keyFiles: ['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => `/home/me/.ssh/${name}`), keysNamed: false,
    knownHostsFiles: ['/home/me/.ssh/known_hosts', '/home/me/.ssh/known_hosts2', '/etc/ssh/ssh_known_hosts',
      '/etc/ssh/ssh_known_hosts2'],
    keepaliveMs: 15_000, connectTimeoutMs: 20_000, command: 'ssh me@login', unread: [],
  }]);
});

test('the channel overrules the configuration', async () => {
  const config = `Host l\nHostName %h.example.org\nUser them\nPort 23
    IdentityFile ~/.ssh/%r@%h\nUserKnownHostsFile none`;
  const [plain] = await route(config, { hostname: 'l' });
  assert.deepEqual([plain?.host, plain?.user, plain?.port, plain?.keyFiles], ['l.example.org', 'them', 23,
    ['/home/me/.ssh/them@l.example.org']]);
  const [told] = await route(config, { hostname: 'l', username: 'x', port: 24, key_filename: '/k', known_hosts: '/h' });
  assert.deepEqual([told?.user, told?.port, told?.keyFiles, told?.keysNamed, told?.knownHostsFiles],
    ['x', 24, ['/k'], true, ['/h']]);
  assert.equal(told?.command, 'ssh -p 24 x@l.example.org');
});

test('jumps are resolved, and have jumps of their own before the first', async () => {
  const config = 'Host inner\nProxyJump second\nHost second\nProxyJump first:2\nHost first\nHostName 10.0.0.1\nUser f';
  const names = (hops: readonly Hop[]): string[] => hops.map(({ user, host, port }) => `${user}@${host}:${port}`);
  assert.deepEqual(names(await route(config, { hostname: 'inner' })), ['f@10.0.0.1:2', 'me@second:22', 'me@inner:22']);
  assert.deepEqual(names(await route(config, { hostname: 'inner', proxy_jump: ['a@[::1]:5', 'second'] })),
    ['a@::1:5', 'me@second:22', 'me@inner:22']);
  assert.deepEqual(names(await route(config, { hostname: 'inner', proxy_jump: 'none' })), ['me@inner:22']);
});

test('a circle, a jump host that is none and a configuration that is not there are told of', async () => {
  const refused = (pattern: RegExp) => (error: unknown): boolean =>
    error instanceof ComputeError && error.code === 'CONFIG_INVALID' && pattern.test(error.message);
  const circle = 'Host *\nProxyJump other';
  await assert.rejects(route(circle, { hostname: 'a' }), refused(/the way to a has more than 8 hops/));
  await assert.rejects(route('', { hostname: 'a', proxy_jump: 'b:c:d' }), refused(/"b:c:d" is not a jump host/));
  await assert.rejects(route('', { hostname: 'a', proxy_jump: '-oX' }), refused(/"-oX" is not a jump host/));
  await assert.rejects(route('', { hostname: 'a', ssh_config: '/nowhere' }), refused(/\/nowhere cannot be read/));
});
