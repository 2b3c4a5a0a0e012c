// Sockets of the house: one pending send each (ZeroMQ allows no more), CURVE on both ends, who is allowed to speak.

import * as zmq from 'zeromq';
import type { KeyPair } from '../src/common/process-config.ts';
import { bundle } from './bundle.ts';

export type Frame = Uint8Array;

/** Keys of the end that accepts: its own pair, and the public keys that may connect to each of its sockets. */
export interface ServerKeys {
  readonly secretKey: string;
  readonly domain: string;
}

/** Keys of the end that connects. */
export interface ClientKeys {
  readonly serverPublicKey: string;
  readonly own: KeyPair;
}

// Not in the binding's own list of options: a ROUTER reports a peer whose connection broke as [identity, empty].
const ZMQ_ROUTER_NOTIFY = 97;
const ZMQ_NOTIFY_DISCONNECT = 2;

/** How long a closing socket may go on sending what was queued. */
const LINGER_MS = 500;
/** After so many messages the rest of the process has its turn. */
const BURST = 32;
/** A larger message from a peer is refused by the socket itself. */
const MESSAGE_BYTES_MAX = 1024 * 1024 * 1024;

export function makeKeys(): KeyPair {
  return zmq.curveKeyPair();
}

/** One process's sockets share one context; a simulation of thousands of managers needs more than the default 1023. */
export function allowSockets(count: number): void {
  zmq.context.maxSockets = Math.max(zmq.context.maxSockets, count);
}

/** The accepting end of a link with many peers, each known by its identity. */
export class Listener {
  readonly #socket: zmq.Router;
  readonly #outbox: Outbox;
  #loop: Promise<void> | undefined;

  constructor(keys: ServerKeys | null) {
    this.#socket = new NotifyingRouter({
      linger: LINGER_MS,
      // A peer that comes back after its connection broke takes its old name over at once.
      handover: true,
      sendHighWaterMark: 0,
      receiveHighWaterMark: 0,
      maxMessageSize: MESSAGE_BYTES_MAX,
      ...(keys === null ? {} : { curveServer: true, curveSecretKey: keys.secretKey, zapDomain: keys.domain }),
    });
    this.#outbox = new Outbox(this.#socket);
  }

  /** Binds to a port, 0 for any free one, and returns it. */
  async bind(address: string, port: number): Promise<number> {
    await this.#socket.bind(`tcp://${address}:${port === 0 ? '*' : port}`);
    const bound = this.#socket.lastEndpoint;
    return Number(bound?.slice(bound.lastIndexOf(':') + 1));
  }

  /** `onMessage` gets the sender's identity and the frames; `onGone` the identity of a peer whose connection broke. */
  listen(onMessage: (peer: string, frames: Frame[]) => void, onGone: (peer: string) => void): void {
    this.#loop = receive(this.#socket, ([identity, ...frames]) => {
      if (identity === undefined) return;
      const peer = identity.toString('latin1');
      if (frames.length === 1 && frames[0]?.length === 0) onGone(peer);
      else onMessage(peer, frames);
    });
  }

  /** A peer that is not there any more is silently passed over: its loss is reported by `onGone`. */
  send(peer: string, frames: readonly Frame[]): void {
    this.#outbox.push([Buffer.from(peer, 'latin1'), ...bundle(frames)]);
  }

  async close(): Promise<void> {
    await withinLinger(this.#outbox.drained());
    this.#socket.close();
    await withinLinger(this.#loop);
  }
}

export interface DialOptions {
  readonly address: string;
  readonly port: number;
  readonly keys: ClientKeys | null;
  /** How the listener knows this end; unique among its peers. */
  readonly identity: string;
}

/** The connecting end of a link. Reconnects by itself; says when the connection breaks and when it is back. */
export class Dialer {
  readonly #socket: zmq.Dealer;
  readonly #outbox: Outbox;
  readonly #url: string;
  #loops: Promise<void>[] = [];

  constructor(options: DialOptions) {
    const { keys } = options;
    this.#socket = new zmq.Dealer({
      linger: LINGER_MS,
      routingId: options.identity,
      sendHighWaterMark: 0,
      receiveHighWaterMark: 0,
      reconnectInterval: 50,
      reconnectMaxInterval: 500,
      maxMessageSize: MESSAGE_BYTES_MAX,
      ...(keys === null ? {} : {
        curveServerKey: keys.serverPublicKey,
        curvePublicKey: keys.own.publicKey,
        curveSecretKey: keys.own.secretKey,
      }),
    });
    this.#outbox = new Outbox(this.#socket);
    this.#url = `tcp://${options.address}:${options.port}`;
  }

  /** Connects. The first connection is told of, too. */
  listen(onMessage: (frames: Frame[]) => void, onConnection?: (connected: boolean) => void): void {
    this.#loops = [receive(this.#socket, onMessage)];
    if (onConnection !== undefined) this.#loops.push(watch(this.#socket, onConnection));
    this.#socket.connect(this.#url);
  }

  send(frames: readonly Frame[]): void {
    this.#outbox.push(bundle(frames));
  }

  /** `now`: what was not sent yet is thrown away. */
  async close(now = false): Promise<void> {
    if (this.#socket.closed) return;
    if (now) this.#socket.linger = 0;
    else await withinLinger(this.#outbox.drained());
    this.#socket.close();
    await withinLinger(Promise.all(this.#loops));
  }
}

/** Lets only the named public keys connect. One per process that listens with keys. */
export class Gatekeeper {
  readonly #socket = new zmq.Reply({ linger: 0 });
  readonly #allowed: ReadonlyMap<string, string>;
  #loop: Promise<void> | undefined;

  /** `allowed`: public key → the one domain in which it is known. */
  constructor(allowed: ReadonlyMap<string, string>) {
    this.#allowed = allowed;
  }

  async start(): Promise<void> {
    await this.#socket.bind('inproc://zeromq.zap.01');
    this.#loop = receive(this.#socket, (frames) => {
      const [version, request, domain, , , mechanism, key] = frames;
      const known = mechanism?.toString() === 'CURVE' && key !== undefined && key.length === 32
        && this.#allowed.get(z85(key)) === domain?.toString();
      // One reply per request, in order: the socket takes the next request only after it.
      this.#socket.send([version ?? '1.0', request ?? '', known ? '200' : '400', known ? 'OK' : 'unknown key', '', ''])
        .catch(() => { /* the socket is closing */ });
    });
  }

  async close(): Promise<void> {
    this.#socket.close();
    await this.#loop;
  }
}

class NotifyingRouter extends zmq.Router {
  constructor(options: zmq.SocketOptions<zmq.Router>) {
    super(options);
    this.setInt32Option(ZMQ_ROUTER_NOTIFY, ZMQ_NOTIFY_DISCONNECT);
  }
}

/** Messages in order, one send at a time. Its bound is the sender's: windows and `tasks_max` limit what is pushed. */
class Outbox {
  readonly #socket: zmq.Router | zmq.Dealer;
  #queue: (readonly Frame[])[] = [];
  #sending: Promise<void> | undefined;

  constructor(socket: zmq.Router | zmq.Dealer) {
    this.#socket = socket;
  }

  push(message: readonly Frame[]): void {
    this.#queue.push(message);
    this.#sending ??= this.#drain();
  }

  async drained(): Promise<void> {
    await this.#sending;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const messages = this.#queue;
      this.#queue = [];
      for (const message of messages) {
        try {
          // oxlint-disable-next-line no-await-in-loop -- a second pending send would throw
          await this.#socket.send(message.slice());
        } catch (error) {
          if (this.#socket.closed) {
            this.#sending = undefined;
            return;
          }
          throw error;
        }
      }
    }
    this.#sending = undefined;
  }
}

/** A peer that has died in the middle of a message must not keep anybody from closing. */
async function withinLinger(work: Promise<unknown> | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, LINGER_MS); });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

async function receive(
  socket: zmq.Router | zmq.Dealer | zmq.Reply, onMessage: (frames: Buffer[]) => void,
): Promise<void> {
  let burst = 0;
  try {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- one message after the other; the socket's own iterator costs more
      onMessage(await socket.receive());
      if (++burst < BURST) continue;
      burst = 0;
      // Messages that are there already come without a turn of the event loop: a flood must not hold up the rest.
      await new Promise(setImmediate);
    }
  } catch (error) {
    if (!socket.closed) throw error;
  }
}

async function watch(socket: zmq.Dealer, onConnection: (connected: boolean) => void): Promise<void> {
  try {
    for await (const event of socket.events) {
      if (event.type === 'handshake') onConnection(true);
      else if (event.type === 'disconnect') onConnection(false);
      else if (event.type === 'end') return;
    }
  } catch (error) {
    if (!socket.closed) throw error;
  }
}

const Z85 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';

/** ZeroMQ's text form of a key (RFC 32): four bytes → five characters. */
function z85(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    let value = bytes.readUInt32BE(at);
    let five = '';
    for (let i = 0; i < 5; i++) {
      five = (Z85[value % 85] ?? '') + five;
      value = Math.floor(value / 85);
    }
    text += five;
  }
  return text;
}
