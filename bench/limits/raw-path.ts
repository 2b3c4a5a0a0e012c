// The road below the engine: three real processes (client → middle → end, and back) over encrypted TCP on this
// machine, with nothing on it but the bare binding.

import { fork, type ChildProcess } from 'node:child_process';
import { letGo } from '../forked.ts';
import { dialer, receive, sender, type ConnectingSocket, type FromPeer, type PeerRole } from './raw-socket.ts';

const START_TIMEOUT_MS = 10_000;

export class RawPath implements AsyncDisposable {
  readonly #peers: readonly ChildProcess[];
  readonly #socket: ConnectingSocket;
  readonly #send: (frames: (string | Uint8Array)[]) => void;
  readonly #loop: Promise<void>;
  #onMessage: (frames: Buffer[]) => void = () => { /* nobody asked */ };

  private constructor(peers: readonly ChildProcess[], socket: ConnectingSocket) {
    this.#peers = peers;
    this.#socket = socket;
    this.#send = sender(socket);
    this.#loop = receive(socket, (frames) => this.#onMessage(frames));
  }

  static async open(signal: AbortSignal): Promise<RawPath> {
    const peers: ChildProcess[] = [];
    const start = async <Type extends FromPeer['type']>(
      role: PeerRole, from: ChildProcess | undefined, type: Type,
    ): Promise<Extract<FromPeer, { type: Type }>> => {
      const peer = fork(new URL('./peer/main.js', import.meta.url), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      peers.push(peer);
      const answer = heard(from ?? peer, type, signal);
      peer.send(role);
      return answer;
    };
    try {
      const middle = await start({ role: 'middle' }, undefined, 'listening');
      const { serverPublicKey } = middle;
      await start({ role: 'end', port: middle.backPort, serverPublicKey }, peers[0], 'joined');
      return new RawPath(peers, dialer(middle.frontPort, serverPublicKey));
    } catch (error) {
      for (const peer of peers) peer.kill('SIGKILL');
      throw error;
    }
  }

  /** One message there and back. */
  echo(frames: (string | Uint8Array)[]): Promise<Buffer[]> {
    return new Promise((resolve) => {
      this.#onMessage = resolve;
      this.#send(frames);
    });
  }

  /** `count` messages there and back, `inFlight` of them under way at any time; resolves to the seconds it took. */
  flood(count: number, inFlight: number, frames: (string | Uint8Array)[]): Promise<number> {
    return new Promise((resolve) => {
      const start = performance.now();
      let sent = 0;
      let back = 0;
      this.#onMessage = () => {
        back += 1;
        if (back === count) resolve((performance.now() - start) / 1000);
        else if (sent < count) next();
      };
      const next = (): void => {
        sent += 1;
        this.#send(frames);
      };
      while (sent < Math.min(count, inFlight)) next();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#loop;
    await Promise.all(this.#peers.map(letGo));
  }
}

/** The next message of this type; rejects when the process ends before it. */
function heard<Type extends FromPeer['type']>(
  peer: ChildProcess, type: Type, signal: AbortSignal,
): Promise<Extract<FromPeer, { type: Type }>> {
  return new Promise((resolve, reject) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(START_TIMEOUT_MS)]);
    const onMessage = (message: FromPeer): void => {
      if (!isOf(message, type)) return;
      finish();
      resolve(message);
    };
    const onEnd = (): void => {
      finish();
      reject(new Error('a process of the raw ZeroMQ path did not come up', { cause: limit.reason }));
    };
    const finish = (): void => {
      peer.off('message', onMessage).off('exit', onEnd);
      limit.removeEventListener('abort', onEnd);
    };
    peer.on('message', onMessage).once('exit', onEnd);
    limit.addEventListener('abort', onEnd, { once: true });
  });
}

function isOf<Type extends FromPeer['type']>(
  message: FromPeer, type: Type,
): message is Extract<FromPeer, { type: Type }> {
  return message.type === type;
}
