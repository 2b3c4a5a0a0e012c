// PROCESS: the middle or the far end of the raw ZeroMQ path. Everything it must know comes over its IPC channel, so
// that no key is in an argument; when that channel closes, it ends.

import { dialer, listener, makeKeys, receive, sender, type FromPeer, type PeerRole } from '../raw-socket.ts';

process.once('disconnect', () => process.exit(0));
process.once('message', (role: PeerRole) => {
  void (role.role === 'middle' ? runMiddle() : runEnd(role.port, role.serverPublicKey));
});

/** Forwards unopened: from the one client to the one end, and back. */
async function runMiddle(): Promise<void> {
  const keys = makeKeys();
  const front = await listener(keys);
  const back = await listener(keys);
  const toClient = sender(front.socket);
  const toEnd = sender(back.socket);
  let client: Buffer | undefined;
  let end: Buffer | undefined;
  tellParent({ type: 'listening', frontPort: front.port, backPort: back.port, serverPublicKey: keys.publicKey });
  await Promise.all([
    receive(front.socket, ([identity, ...frames]) => {
      client = identity;
      if (end !== undefined) toEnd([end, ...frames]);
    }),
    receive(back.socket, ([identity, ...frames]) => {
      // The end's first message is empty: it says that it is there.
      if (end === undefined) {
        end = identity;
        tellParent({ type: 'joined' });
      } else if (client !== undefined) {
        toClient([client, ...frames]);
      }
    }),
  ]);
}

async function runEnd(port: number, serverPublicKey: string): Promise<void> {
  const socket = dialer(port, serverPublicKey);
  const send = sender(socket);
  send(['']);
  await receive(socket, send);
}

function tellParent(message: FromPeer): void {
  process.send?.(message);
}
