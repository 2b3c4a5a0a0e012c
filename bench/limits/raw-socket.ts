// The bare ZeroMQ binding with nothing of the engine above it, for the limits below the engine. It shares one rule with
// every user of the binding: one pending send per socket.

import * as zmq from 'zeromq';

/** To a process of the raw path: which end it is. */
export type PeerRole =
  | { readonly role: 'middle' }
  | { readonly role: 'end'; readonly port: number; readonly serverPublicKey: string };

/** From it: the middle listens; then, the end has found it. */
export type FromPeer =
  | {
    readonly type: 'listening';
    readonly frontPort: number;
    readonly backPort: number;
    readonly serverPublicKey: string;
  }
  | { readonly type: 'joined' };

export type ConnectingSocket = zmq.Dealer;
export type Socket = zmq.Dealer | zmq.Router;
export type Keys = ReturnType<typeof zmq.curveKeyPair>;

export function makeKeys(): Keys {
  return zmq.curveKeyPair();
}

export function dialer(port: number, serverPublicKey: string): zmq.Dealer {
  const own = makeKeys();
  const socket = new zmq.Dealer({
    linger: 0,
    sendHighWaterMark: 0,
    receiveHighWaterMark: 0,
    curveServerKey: serverPublicKey,
    curvePublicKey: own.publicKey,
    curveSecretKey: own.secretKey,
  });
  socket.connect(`tcp://127.0.0.1:${port}`);
  return socket;
}

export async function listener(keys: Keys): Promise<{ socket: zmq.Router; port: number }> {
  const socket = new zmq.Router({
    linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0, curveServer: true, curveSecretKey: keys.secretKey,
  });
  await socket.bind('tcp://127.0.0.1:*');
  return { socket, port: Number(socket.lastEndpoint?.split(':').at(-1)) };
}

/** Messages in order, one pending send. */
export function sender(socket: Socket): (message: zmq.MessageLike[]) => void {
  const waiting: zmq.MessageLike[][] = [];
  let sending = false;
  const drain = async (): Promise<void> => {
    sending = true;
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        // A second pending send would throw.
        await socket.send(next);
      }
    } catch (error) {
      if (!socket.closed) throw error;
    } finally {
      sending = false;
    }
  };
  return (message) => {
    waiting.push(message);
    if (!sending) void drain(); // a failure that is not the closing of the socket ends the process, as it should
  };
}

/** Calls `onMessage` for every message until the socket is closed. */
export async function receive(socket: Socket, onMessage: (frames: Buffer[]) => void): Promise<void> {
  try {
    for await (const frames of socket) onMessage(frames);
  } catch (error) {
    if (!socket.closed) throw error;
  }
}
