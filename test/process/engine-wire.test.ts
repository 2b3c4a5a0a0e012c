// The interchange's port for managers: who may speak to it, and what becomes of those who talk nonsense.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeHeader, encodeHeader } from '../../src/common/codec.ts';
import type { ManagerConfig } from '../../src/common/process-config.ts';
import { Dialer, makeKeys, type ClientKeys } from '../../engine/socket.ts';
import { engineOf, linesOf, pause, task, until, withSite, type Site } from './harness.ts';

/** What a block's managers are told: where the interchange is, and the keys. */
function blockFile({ executor }: Site): { path: string; config: ManagerConfig } {
  const path = join(executor.status().folder ?? '', 'blocks', '0', 'manager.json');
  return { path, config: JSON.parse(readFileSync(path, 'utf8')) as ManagerConfig }; // written by the engine
}

interface Stranger {
  readonly send: (...frames: Uint8Array[]) => void;
  /** Types of the messages that came back. */
  readonly heard: string[];
  readonly close: () => Promise<void>;
}

function stranger({ config }: { config: ManagerConfig }, keys: ClientKeys | null, identity: string): Stranger {
  const dialer = new Dialer({ address: '127.0.0.1', port: config.port, keys, identity });
  const heard: string[] = [];
  dialer.listen((frames) => {
    heard.push(decodeHeader(frames[0] ?? new Uint8Array(0)).type);
  });
  return { send: (...frames) => dialer.send(frames), heard, close: () => dialer.close(true) };
}

test('garbage, empty and strange messages are dropped; another version is refused alone; managers go on', () =>
  withSite(engineOf(), async (site) => {
    await site.connected(1);
    const file = blockFile(site);
    const guest = stranger(file, file.config.keys, '9.nowhere.00000000');
    const text = (value: string): Uint8Array => new TextEncoder().encode(value);
    guest.send(text('garbage'));
    guest.send(new Uint8Array(0), new Uint8Array(0));
    guest.send(encodeHeader({}));
    guest.send(encodeHeader({ type: 'register', slots: -1 }));
    guest.send(encodeHeader({ type: 'draining' }), text('a frame that belongs to nothing'));
    guest.send(encodeHeader({ type: 'returned', ids: 'none' }));
    guest.send(encodeHeader({ type: 'stop' }));
    guest.send(encodeHeader({ type: 'heartbeat' }));
    await until('an answer', () => guest.heard.includes('register-again'));
    guest.send(encodeHeader({
      type: 'register', version: 999, manager: '9.nowhere.00000000', block: '9', node: 'nowhere', pid: 1, slots: 4,
      window: 4, nodeVersion: '20', cores: 1, memoryMiB: 1, draining: false, held: [], batches: [],
    }));
    await until('a refusal', () => guest.heard.includes('refused'));
    await guest.close();
    assert.equal(site.managers().length, 1);
    assert.equal(await site.executor.submit(task('add'), 1, 1), 2);
  }));

test('only who has the keys of the run is heard, and the port is open on this machine alone', () =>
  withSite(engineOf(), async (site) => {
    await site.connected(1);
    const file = blockFile(site);
    const { keys } = file.config;
    assert.ok(keys !== null);
    assert.equal(statSync(file.path).mode & 0o777, 0o600);
    const others = [
      stranger(file, null, '9.nowhere.1'),
      stranger(file, { serverPublicKey: keys.serverPublicKey, own: makeKeys() }, '9.nowhere.2'),
      stranger(file, { serverPublicKey: makeKeys().publicKey, own: keys.own }, '9.nowhere.3'),
    ];
    for (const other of others) other.send(encodeHeader({ type: 'heartbeat' }));
    const insider = stranger(file, keys, '9.nowhere.4');
    insider.send(encodeHeader({ type: 'heartbeat' }));
    await until('the answer to who has the keys', () => insider.heard.length > 0);
    await pause(300);
    assert.deepEqual(others.map(({ heard }) => heard), [[], [], []]);
    await Promise.all([insider, ...others].map((one) => one.close()));
    assert.equal(await site.executor.submit(task('add'), 1, 1), 2);

    const port = file.config.port.toString(16).toUpperCase().padStart(4, '0');
    const sockets = [...linesOf('/proc/net/tcp'), ...linesOf('/proc/net/tcp6')];
    const listening = sockets.map((line) => line.trim().split(/\s+/))
      .filter(([, local, , state]) => state === '0A' && local?.endsWith(`:${port}`)).map(([, local]) => local);
    assert.deepEqual(listening, [`0100007F:${port}`]);
  }));

test('the keys are gone from disk after the run; logs and scripts stay', () => withSite(engineOf(), async (site) => {
  await site.connected(1);
  const { path } = blockFile(site);
  const folder = site.executor.status().folder ?? '';
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  await site.executor.close();
  const left = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  assert.ok(!left.some((name) => path.endsWith(name) && name.endsWith('manager.json')), left.join(' '));
  assert.ok(left.includes('interchange.log') && left.some((name) => name.endsWith('.sh')), left.join(' '));
  for (const name of left.filter((one) => one.endsWith('.log'))) {
    assert.ok(!linesOf(join(folder, name)).some((line) => line.includes('secretKey')));
  }
}));

test('without encryption it works as well', () => withSite(engineOf({ encrypted: false }), async (site) => {
  assert.equal(await site.executor.submit(task('add'), 1, 1), 2);
  assert.equal(blockFile(site).config.keys, null);
}));
