import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { encodeHeader } from '../../src/common/codec.ts';
import type { ToInterchange } from '../../src/common/protocol.ts';
import { makeKeys, type Dialer } from '../../engine/socket.ts';
import { until } from './harness.ts';
import { checkService, registration, Wire, WireClient } from './wire.ts';

/** The start of every greeting: signature, version 3.1, the name of a mechanism, no server. */
const greeting = (mechanism: string): Buffer => Buffer.concat([
  Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1]), Buffer.from(mechanism.padEnd(20, '\0')), Buffer.alloc(32),
]);

/** What a stranger would say, if it were heard. */
function speak(dialer: Dialer, heard: unknown[]): void {
  dialer.listen((frames) => heard.push(frames));
  const orders: ToInterchange[] = [{ type: 'stop' }, { type: 'dump', request: 1 }];
  for (const order of orders) dialer.send([encodeHeader(order)]);
  dialer.send([encodeHeader(registration('engine', 64))]);
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => { /* closed on us, as it should be */ });
    socket.once('connect', () => resolve(socket)).once('close', () => resolve(socket));
  });
}

test('who has not the key is not heard and hears nothing', async () => {
  await using wire = await Wire.start();
  const client = new WireClient(wire);
  await checkService(wire, client, 'before');
  const { keys } = wire;
  assert.ok(keys);
  const serverPublicKey = keys.server.publicKey;
  const heard: unknown[] = [];
  const proper = { own: keys.manager, serverPublicKey };
  const strangers = [null, { ...proper, own: makeKeys() }, { ...proper, serverPublicKey: makeKeys().publicKey },
    { ...proper, own: keys.server }];
  for (const stranger of strangers) speak(wire.dial('engine', stranger), heard);
  // What they said would have been read before what the client and a manager say in these rounds.
  for (let round = 0; round < 3; round++) await checkService(wire, client, `after${round}`);
  assert.deepEqual(heard, []);
  const managers = client.heard.filter(({ type }) => type === 'manager-joined');
  assert.equal(managers.length, 4);
});

test('garbage on the port disturbs nobody', async () => {
  await using wire = await Wire.start();
  const client = new WireClient(wire);
  const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 7919) % 251));
  const openings = [
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), noise(10), noise(100_000), Buffer.alloc(1000),
    Buffer.alloc(64, 0xff),
    greeting('CURVE').subarray(0, 5), greeting('CURVE').subarray(0, 11), greeting('CURVE').subarray(0, 40),
    greeting('CURVE'), greeting('NULL'), greeting('PLAIN'), greeting('NONSENSE'),
    // A greeting, and then a command of 2^62 bytes, a HELLO of nothing, or a flood.
    Buffer.concat([greeting('CURVE'), Buffer.from([6, 0x40, 0, 0, 0, 0, 0, 0, 0]), noise(1000)]),
    Buffer.concat([greeting('CURVE'), Buffer.from([4, 200]), Buffer.from('\x05HELLO'), Buffer.alloc(194)]),
    Buffer.concat([greeting('NULL'), Buffer.from([4, 6]), Buffer.from('\x05READY'), noise(50_000)]),
  ];
  const sockets = await Promise.all(openings.map(async (opening) => {
    const socket = await open(wire.port);
    socket.write(opening);
    return socket;
  }));
  await checkService(wire, client, 'among');
  for (const [i, socket] of sockets.entries()) {
    if (i % 2 === 0) socket.end();
    else socket.resetAndDestroy();
  }
  await checkService(wire, client, 'after');
});

test('a thousand connections that come and go leave nothing behind', async () => {
  await using wire = await Wire.start();
  const client = new WireClient(wire);
  await checkService(wire, client, 'before');
  const before = await wire.residentMiB();
  for (let round = 0; round < 10; round++) {
    const sockets = await Promise.all(Array.from({ length: 100 }, () => open(wire.port)));
    for (const [i, socket] of sockets.entries()) {
      if (i % 3 === 0) socket.write(greeting('CURVE'));
      if (i % 3 === 1) socket.resetAndDestroy();
      else socket.destroy();
    }
  }
  await checkService(wire, client, 'after');
  await until('memory is as it was', async () => await wire.residentMiB() - before < 50);
});
