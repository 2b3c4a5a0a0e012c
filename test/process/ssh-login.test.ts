// Who may log in where: keys, agents, jump hosts and known_hosts, with real sshds.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { failure } from './harness.ts';
import { addToAgent, USER, withLogin, withSsh, type SshSite } from './sshd.ts';
import type { LoginNode } from '../../providers/host/login-node.ts';

const timeoutMs = 20_000;
const works = async (node: LoginNode): Promise<void> => {
  assert.equal((await node.run(['echo', 'in'], { timeoutMs })).stdout, 'in\n');
};
const refusal = async (node: LoginNode): Promise<string> => {
  const { message } = await failure('COMMAND_FAILED', node.run(['true'], { timeoutMs }));
  assert.ok(!message.includes('\n'), message);
  return message;
};

test('each of the usual keys opens the door, and a named one', () => withSsh(async (site) => {
  const types = [['id_ed25519', 'ed25519'], ['id_ecdsa', 'ecdsa'], ['id_rsa', 'rsa']] as const;
  for (const [name, type] of types) {
    const server = await site.sshd({ authorized: [site.key(name, type)] });
    site.know(server.knownHost());
    await works(site.login({ port: server.port }));
  }
  const server = await site.sshd({ authorized: [site.key('special')] });
  site.know(server.knownHost());
  await works(site.login({ port: server.port, key_filename: '~/.ssh/special', username: USER }));
  await works(site.login({ port: server.port, key_filename: ['~/.ssh/none', '~/.ssh/special'] }));
}));

test('an agent opens the door, with a key that has a passphrase, too', () => withSsh(async (site) => {
  const socket = await site.agent();
  const server = await site.sshd({ authorized: [site.key('kept')] });
  site.know(server.knownHost());
  const file = `${site.home}/.ssh/kept`;
  addToAgent(socket, file);
  await works(site.login({ port: server.port }, socket));
  execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'a passphrase', '-f', file], { stdio: 'ignore' });
  await works(site.login({ port: server.port, key_filename: file }, socket));
}));

test('who is not let in hears what was tried and what was not', () => withSsh(async (site) => {
  const socket = await site.agent();
  const other = site.key('other');
  site.key('id_ed25519');
  site.key('locked', 'ed25519', 'a passphrase');
  const server = await site.sshd({ authorized: [other] });
  site.know(server.knownHost());
  assert.match(await refusal(site.login({ port: server.port })),
    new RegExp(`did not let ${USER} in: tried \\S+/id_ed25519 \\(ssh-ed25519\\); not used: no agent \\(SSH_AUTH_SOCK is`
      + ` not set\\); it accepts publickey.* Try: ssh -p ${server.port} ${USER}@127.0.0.1$`));
  const locked = site.login({ port: server.port, key_filename: ['~/.ssh/locked', '~/.ssh/gone', '~/.ssh/other.pub'] });
  const said = await refusal(locked);
  assert.match(said, /locked has a passphrase: give it to an agent \(ssh-add \S+locked\)/);
  assert.match(said, /gone cannot be read; \S+other\.pub is a public key: name the private one/);
  assert.match(await refusal(site.login({ port: server.port }, socket)), /tried the agent, \S+id_ed25519/);
  assert.match(await refusal(site.login({ port: server.port }, site.at('nowhere'))),
    /the agent at \S+nowhere does not answer/);
}));

test('who was refused does not knock again and again', () => withSsh(async (site) => {
  const server = await site.sshd({ authorized: [] });
  site.key('id_ed25519');
  site.know(server.knownHost());
  const node = site.login({ port: server.port });
  const said = await refusal(node);
  for (let i = 0; i < 5; i += 1) assert.equal(await refusal(node), said);
  assert.equal(server.log().split('Connection from').length - 1, 2, 'the test\'s own look, and one attempt');
}));

test('an unknown host is refused, with its fingerprint and how to accept it', () => withSsh(async (site) => {
  const server = await site.sshd({ authorized: [site.key('id_ed25519')] });
  site.know('');
  const said = await refusal(site.login({ port: server.port }));
  const told = `the key of [127.0.0.1]:${server.port} is not known: ssh-ed25519 ${server.fingerprint()}.`;
  assert.ok(said.includes(told), said);
  const scan = /or: (ssh-keyscan .*)$/.exec(said)?.[1] ?? '';
  assert.equal(scan, `ssh-keyscan -p ${server.port} 127.0.0.1 >>${site.home}/.ssh/known_hosts`);
  assert.ok(!server.log().includes('Accepted'));
  // What the message says is what works.
  execFileSync('sh', ['-c', scan], { stdio: 'ignore' });
  await works(site.login({ port: server.port }));
}));

test('a changed key is refused loudly, and so is a revoked one', () => withSsh(async (site) => {
  const server = await site.sshd({ authorized: [site.key('id_ed25519')] });
  const impostor = await site.sshd({ authorized: [] });
  const name = `[127.0.0.1]:${server.port}`;
  site.know('# a comment', impostor.knownHost('ed25519', name));
  const said = await refusal(site.login({ port: server.port }));
  assert.match(said, /HAS CHANGED.* is not the key at \S+known_hosts:2/);
  assert.match(said, /ssh-keygen -R '\[127\.0\.0\.1\]:\d+' -f \S+known_hosts$/);
  assert.ok(said.includes(server.fingerprint()));
  site.know(`@revoked ${server.knownHost('ed25519', '*')}`, server.knownHost());
  assert.match(await refusal(site.login({ port: server.port })), /is revoked at \S+known_hosts:1/);
  site.know(`@cert-authority ${impostor.knownHost('ed25519', name)}`);
  assert.match(await refusal(site.login({ port: server.port })), /certificates of hosts cannot be checked here/);
}));

test('hashed names and wildcards are known; of its keys a host shows the known one', () => withSsh(async (site) => {
  const server = await site.sshd({ authorized: [site.key('id_ed25519')], hostKeys: ['ed25519', 'ecdsa', 'rsa'] });
  for (const type of ['ed25519', 'ecdsa', 'rsa']) {
    site.know(server.knownHost(type));
    await works(site.login({ port: server.port }));
  }
  execFileSync('ssh-keygen', ['-q', '-H', '-f', `${site.home}/.ssh/known_hosts`], { stdio: 'ignore' });
  assert.match(readFileSync(`${site.home}/.ssh/known_hosts`, 'utf8'), /^\|1\|/);
  await works(site.login({ port: server.port }));
  writeFileSync(site.at('site'), `${server.knownHost('ecdsa', `[127.0.0.*]:${server.port}`)}\n`);
  await works(site.login({ port: server.port, known_hosts: site.at('site') }));
}));

/** Three sshds; the last is the login node. */
async function threeHosts(site: SshSite) {
  const authorized = [site.key('id_ed25519')];
  const servers = [await site.sshd({ authorized }), await site.sshd({ authorized }), await site.sshd({ authorized })];
  site.know(...servers.map((server) => server.knownHost()));
  const [first, second, last] = servers;
  assert.ok(first && second && last);
  return { first, second, last };
}

test('a login node is reached through several jump hosts, each of which is checked', () => withSsh(async (site) => {
  const { first, second, last } = await threeHosts(site);
  const proxy_jump = `${USER}@127.0.0.1:${first.port},127.0.0.1:${second.port}`;
  const node = site.login({ port: last.port, proxy_jump });
  await works(node);
  await node.write(site.at('through'), 'all of them', 0o600);
  for (const server of [first, second, last]) assert.match(server.log(), /Accepted publickey/);
  await node.close();
  site.know(first.knownHost(), last.knownHost());
  const said = await refusal(site.login({ port: last.port, proxy_jump }));
  assert.match(said, new RegExp(`the key of \\[127\\.0\\.0\\.1\\]:${second.port} is not known`));
  assert.match(said, new RegExp(`accept it once with: ssh -p ${second.port} -J ${USER}@127\\.0\\.0\\.1:${first.port}`));
}));

test('a jump host that cannot reach the login node is named', () => withSsh(async (site) => {
  const { first, last } = await threeHosts(site);
  await last.stop();
  const node = site.login({ port: last.port, proxy_jump: `127.0.0.1:${first.port}` });
  const { message } = await failure('COMMAND_FAILED', node.run(['true'], { timeoutMs: 2000 }));
  assert.match(message, new RegExp(`the jump host 127\\.0\\.0\\.1 did not connect to 127\\.0\\.0\\.1:${last.port}`));
}));

test('~/.ssh/config says how hosts are reached, and the channel overrules it', () => withSsh(async (site) => {
  const { first, last } = await threeHosts(site);
  site.key('wrong');
  writeFileSync(`${site.home}/.ssh/config`, `
    Host gate
      HostName 127.0.0.1
      Port ${first.port}
    Host cluster-*
      ProxyJump gate
    Host *
      HostName 127.0.0.1
      Port ${last.port}
      User nobody-here
      IdentityFile %d/.ssh/id_ed25519
      ServerAliveInterval 5
  `);
  const said = await refusal(site.login({ hostname: 'cluster-1' }));
  assert.match(said, /^gate \(127\.0\.0\.1:\d+\) did not let nobody-here in/);
  writeFileSync(`${site.home}/.ssh/config`, readFileSync(`${site.home}/.ssh/config`, 'utf8')
    .replace('nobody-here', USER));
  const node = site.login({ hostname: 'cluster-1' });
  await works(node);
  assert.match(first.log(), /Accepted publickey/);
  await works(site.login({ hostname: 'other', ssh_config: '~/.ssh/config' }));
  assert.match(await refusal(site.login({ hostname: 'other', username: 'nobody-here' })), /did not let nobody-here in/);
  await works(site.login({ hostname: '127.0.0.1', port: last.port, ssh_config: 'none' }));
}));

test('the premises on a login node are looked at; what is missing is named', () => withLogin(async (node, site) => {
  const here = {
    folder: '/somewhere/run-7', workingDirectory: '/somewhere', node: process.execPath,
    packageDirectory: new URL('../../../', import.meta.url).pathname,
  };
  const there = await node.premises(here);
  const folder = /^(\/.*)\/\.switchyard\/blocks\/run-7$/.exec(there.folder)?.[1];
  assert.equal(folder, (await node.run(['pwd'], { timeoutMs })).stdout.trim(), 'below the home of the login node');
  assert.equal(there.workingDirectory, there.folder);
  const lacking = async (channel: Readonly<Record<string, unknown>>): Promise<string> =>
    (await failure('START_FAILED', site.login({ port: site.server.port, ...channel }).premises(here))).message;
  const package_dir = '/nowhere';
  assert.match(await lacking({ node: '/nowhere/node' }),
    /there is no program \/nowhere\/node on .*set the channel's node/);
  assert.match(await lacking({ package_dir }), /there is no \/nowhere\/dist\/engine\/.* the channel's package_dir/);
  writeFileSync(site.at('old-node'), '#!/bin/sh\necho v18.19.0\n');
  chmodSync(site.at('old-node'), 0o755);
  assert.match(await lacking({ node: site.at('old-node') }), /is not Node 20 or newer \(--version says "v18\.19\.0"\)/);
  const own = await site.login({ port: site.server.port, script_dir: site.at('scripts') }).premises(here);
  assert.equal(own.folder, site.at('scripts/run-7'));
}));
