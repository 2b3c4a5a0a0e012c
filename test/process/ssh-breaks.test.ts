// Connections to a login node that break, and hosts that do not answer.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { writeFileSync } from 'node:fs';
import test from 'node:test';
import { failure, isRunning, kill, linesOf, until, within } from './harness.ts';
import { withLogin, withSsh } from './sshd.ts';
import type { LoginNode } from '../../providers/host/login-node.ts';

const timeoutMs = 20_000;
const works = async (node: LoginNode): Promise<void> => {
  assert.equal((await node.run(['echo', 'in'], { timeoutMs })).stdout, 'in\n');
};

/** A command that says its pid in a file and stays. */
async function running(
  node: LoginNode, file: string, limitMs = timeoutMs,
): Promise<{ done: Promise<unknown>; pid: number }> {
  const done = node.run(['sh', '-c', `echo $$ >${file}; exec sleep 374`], { timeoutMs: limitMs });
  done.catch(() => { /* looked at later */ });
  const pid = await until('the command', () => Number(linesOf(file)[0] ?? 0) || undefined);
  return { done, pid };
}

test('a command whose connection is killed fails, ends there, and the next connects anew', () =>
  withLogin(async (node, { server, at }) => {
    const { done, pid } = await running(node, at('pid'));
    for (const session of server.sessions()) kill(session, 'SIGKILL');
    const error = await failure('COMMAND_FAILED', done);
    assert.match(error.message, /the connection to 127\.0\.0\.1 broke/);
    await works(node);
    await until('the end of the command', () => !isRunning(pid));
  }));

test('a login node that stands still is noticed by keepalive', () => withLogin(async (node, { server, at }) => {
  const { done, pid } = await running(node, at('pid'), 60_000);
  const stopped = server.sessions();
  for (const session of stopped) kill(session, 'SIGSTOP');
  const error = await failure('COMMAND_FAILED', done);
  assert.match(error.message, /127\.0\.0\.1 has not answered for 0\.9 s: connection given up/);
  await works(node);
  for (const session of stopped) kill(session, 'SIGCONT');
  await until('the end of the command', () => !isRunning(pid));
}, { channel: { keepalive_period: 0.3 } }));

test('commands wait for an sshd that is restarted', () => withLogin(async (node, { server }) => {
  await works(node);
  await server.stop();
  const waiting = Promise.all([works(node), works(node)]);
  waiting.catch(() => { /* looked at below */ });
  const error = await failure('COMMAND_FAILED', node.run(['true'], { timeoutMs: 1000 }));
  assert.match(error.message, /refuses connections: no SSH server listens there/);
  await server.start();
  await waiting;
}));

test('what breaks at a jump host breaks the connection; the next goes through anew', () => withSsh(async (site) => {
  const authorized = [site.key('id_ed25519')];
  const [gate, server] = [await site.sshd({ authorized }), await site.sshd({ authorized })];
  site.know(gate.knownHost(), server.knownHost());
  const node = site.login({ port: server.port, proxy_jump: `127.0.0.1:${gate.port}` });
  const { done, pid } = await running(node, site.at('pid'));
  for (const session of gate.sessions()) kill(session, 'SIGKILL');
  await failure('COMMAND_FAILED', done);
  await works(node);
  await until('the end of the command', () => !isRunning(pid));
}));

test('every wait is bounded: a host that says nothing, one without a name, one that does not speak SSH', () =>
  withSsh(async (site) => {
    site.key('id_ed25519');
    const open = new Set<{ destroy(): void }>();
    const mute = createServer((socket) => open.add(socket));
    const rude = createServer((socket) => {
      open.add(socket);
      socket.on('error', () => { /* it hung up */ }).end('HTTP/1.0 400 No\r\n\r\n');
    });
    await Promise.all([mute, rude].map((server) => once(server.listen(0, '127.0.0.1'), 'listening')));
    const portOf = (server: typeof mute): number => {
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : 0;
    };
    const said = async (channel: Readonly<Record<string, unknown>>): Promise<string> =>
      (await failure('COMMAND_FAILED', site.login(channel).run(['true'], { timeoutMs: 1500 }))).message;
    try {
      assert.match(await said({ port: portOf(mute), connect_timeout: 1 }), /did not let us in within 1 s: is it up/);
      assert.match(await said({ port: portOf(mute) }), /true did not end within 1\.5 s|no connection to 127/);
      assert.match(await said({ port: portOf(rude) }), /could not connect to 127\.0\.0\.1/);
      assert.match(await said({ hostname: 'no-such-host.invalid' }), /no address is known for no-such-host\.invalid/);
    } finally {
      for (const socket of open) socket.destroy();
      await Promise.all([mute, rude].map((server) => new Promise((resolve) => server.close(resolve))));
    }
  }));

test('what ~/.ssh/config says and is not read is named when a host is not reached', () => withSsh(async (site) => {
  const lines = ['Include more', 'Host far', '  HostName no-such-host.invalid', '  ProxyCommand nc %h %p'];
  writeFileSync(`${site.home}/.ssh/config`, lines.join('\n'));
  const far = site.login({ hostname: 'far' });
  const { message } = await failure('COMMAND_FAILED', far.run(['true'], { timeoutMs: 1500 }));
  assert.match(message, /more of it that is not read here: line 1: Include, line 4: ProxyCommand/);
}));

test('closing ends what runs and what waits, once', () => withLogin(async (node, { at }) => {
  const { done, pid } = await running(node, at('pid'));
  await within(5000, 'closing', Promise.all([node.close(), node.close()]));
  await failure('COMMAND_FAILED', done);
  await until('the end of the command', () => !isRunning(pid));
  const error = await failure('COMMAND_FAILED', node.run(['true'], { timeoutMs }));
  assert.match(error.message, /the connection to 127\.0\.0\.1 was closed/);
}));
