// One connection to one host over SSH: the only file that knows ssh2. Who the host is, is checked before anything is
// said to it. Nothing here is tried twice. ssh2 is loaded with the first connection: most runs make none.

import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type {
  AnyAuthMethod, AuthHandlerMiddleware, Client, ClientChannel, ConnectConfig, ParsedKey, ServerHostKeyAlgorithm,
} from 'ssh2';
import { unreachable, type ComputeError } from '../../src/common/errors.ts';
import { credentialsOf, type Credentials, type KeyReading, type Offer } from './credentials.ts';
import { hostKeysOf, type HostKeys } from './host-key.ts';
import { END_LINE } from './remote-script.ts';
import type { Hop } from './route.ts';
import type { Sftp } from './sftp-files.ts';
import {
  brokenOff, KEEPALIVES_UNANSWERED_MAX, notLetIn, reasonOf, sshFailure, tooSlow, unreachableHost,
} from './ssh-failures.ts';

/** What one command may print on each stream; past that it is cut, as for commands of this machine. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const CLOSE_GRACE_MS = 1_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export class SshConnection {
  readonly #client: Client;
  readonly #hop: Hop;
  readonly #ended = new AbortController();
  /** What the connection says of its end before it ends. */
  #trouble: Error | undefined;

  constructor(client: Client, hop: Hop) {
    this.#client = client;
    this.#hop = hop;
    client.on('error', (error: Error) => { this.#trouble ??= error; });
    client.once('close', () => this.#ended.abort(brokenOff(hop, this.#trouble)));
  }

  /** Aborts when the connection ends, with the reason. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Runs `command`, with `input` on its stdin, which stays open. When `signal` aborts, it is told to end. */
  async exec(command: string, input: string, signal: AbortSignal): Promise<Exit> {
    const channel = await this.#open<ClientChannel>(signal, (done) => this.#client.exec(command, done));
    const end = (): void => {
      channel.write(END_LINE);
      channel.close();
    };
    if (signal.aborted) end();
    signal.throwIfAborted();
    return new Promise<Exit>((resolve, reject) => {
      const stop = (): void => {
        end();
        reject(reasonOf(signal));
      };
      signal.addEventListener('abort', stop, { once: true });
      const stdout = collect(channel);
      const stderr = collect(channel.stderr);
      let exit: Pick<Exit, 'code' | 'signal'> | undefined;
      // ssh2 gives signals the names that Node has for them.
      channel.once('exit', (code: number | null, name?: string) => {
        exit = { code, signal: (name ?? null) as NodeJS.Signals | null };
      });
      channel.on('error', () => { /* its close follows */ });
      channel.once('close', () => {
        signal.removeEventListener('abort', stop);
        if (exit !== undefined) resolve({ ...exit, stdout: stdout(), stderr: stderr() });
        else if (this.ended.aborted) reject(reasonOf(this.ended));
        else reject(sshFailure(`${this.#hop.name} closed a command's channel without an exit status`));
      });
      channel.write(input);
    });
  }

  /** Uses the host's files, for as long as `use` takes. */
  async sftp<T>(signal: AbortSignal, use: (sftp: Sftp) => Promise<T>): Promise<T> {
    const sftp = await this.#open<Sftp & { end(): void; on(event: 'error', listener: () => void): void }>(
      signal, (done) => this.#client.sftp(done));
    sftp.on('error', () => { /* what was asked of it hears of it */ });
    try {
      return await this.#whole(signal, use(sftp));
    } finally {
      sftp.end();
    }
  }

  /** A way on to another host. */
  async tunnel(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    try {
      return await this.#open<Duplex>(signal, (done) => this.#client.forwardOut('127.0.0.1', 0, host, port, done));
    } catch (cause) {
      if (signal.aborted || this.ended.aborted) throw cause;
      throw sshFailure(`the jump host ${this.#hop.name} did not connect to ${host}:${port}`, cause);
    }
  }

  /** Safe to call again. */
  async close(): Promise<void> {
    if (this.ended.aborted) return;
    const closed = once(this.ended, 'abort');
    this.#client.end();
    const forced = setTimeout(() => this.#client.destroy(), CLOSE_GRACE_MS);
    await closed;
    clearTimeout(forced);
  }

  /** Ends it without a word: the way there is gone. */
  drop(): void {
    this.#ended.abort(brokenOff(this.#hop, this.#trouble));
    this.#client.destroy();
  }

  async #open<T>(
    signal: AbortSignal, ask: (done: (error: Error | undefined, opened: T) => void) => void,
  ): Promise<T> {
    signal.throwIfAborted();
    let wanted = true;
    const opened = new Promise<T>((resolve, reject) => {
      ask((error, channel) => {
        if (error) reject(error);
        else resolve(channel);
        // Nobody waits for it any more.
        if (!error && !wanted && hasEnd(channel)) channel.end();
      });
    });
    try {
      return await this.#whole(signal, opened);
    } catch (error) {
      signal.throwIfAborted();
      throw this.#notOpened(error);
    } finally {
      wanted = false;
    }
  }

  #notOpened(error: unknown): ComputeError {
    const { name } = this.#hop;
    const words = error instanceof Error ? error.message : String(error);
    // ssh2 says so when the connection is just about to end.
    if (this.ended.aborted || words === 'Not connected') {
      this.drop();
      return sshFailure(`the connection to ${name} broke`, error, { stale: true, started: false });
    }
    // A refused channel has a reason; what else fails is refused on a channel that was opened.
    const crowded = error instanceof Error && 'reason' in error;
    const details = { started: false, ...(crowded ? { crowded } : {}) } as const;
    return sshFailure(`${name} opened no session: ${words}`, error, details);
  }

  /** Settles as `work` does, or with the reason why it will not any more. */
  async #whole<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
    const over = AbortSignal.any([signal, this.ended]);
    const { promise, reject } = deferred();
    const stop = (): void => reject(reasonOf(over));
    over.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([work, promise]);
    } finally {
      over.removeEventListener('abort', stop);
    }
  }
}

/** `via`: the connection to the hop before. Throws COMMAND_FAILED, `refused` where trying again cannot help. */
export async function connect(hop: Hop, via: SshConnection | undefined, signal: AbortSignal): Promise<SshConnection> {
  const { default: ssh2 } = await import('ssh2');
  const keys = await hostKeysOf(hop);
  const credentials = await credentialsOf(hop, (text) => readingOf(ssh2.utils.parseKey(text)));
  const sock = await via?.tunnel(hop.host, hop.port, signal);
  const client = new ssh2.Client();
  const connection = new SshConnection(client, hop);
  const door = doorOf(hop, keys, credentials);
  const ready = new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => finish(() => reject(tooSlow(hop))), hop.connectTimeoutMs);
    const stop = (): void => finish(() => reject(reasonOf(signal)));
    signal.addEventListener('abort', stop, { once: true });
    const finish = (settle: () => void): void => {
      clearTimeout(late);
      signal.removeEventListener('abort', stop);
      settle();
    };
    client.once('ready', () => finish(resolve));
    client.on('error', (error: Error & { level?: string }) => {
      if (error.level === 'agent') door.agentFailed();
      else finish(() => reject(door.failure(error)));
    });
    client.once('close', () => finish(() => reject(door.failure(undefined))));
    try {
      client.connect({ ...door.config, ...(sock === undefined ? {} : { sock }) });
    } catch (error) {
      finish(() => reject(sshFailure(`could not begin a connection to ${hop.name}`, error)));
    }
  });
  try {
    await ready;
    return connection;
  } catch (error) {
    client.destroy();
    throw error;
  }
}

interface Door {
  readonly config: ConnectConfig;
  readonly agentFailed: () => void;
  readonly failure: (error: (Error & { level?: string }) | undefined) => ComputeError;
}

function doorOf(hop: Hop, keys: HostKeys, { offers, notes }: Credentials): Door {
  const waiting = [...offers];
  const tried: string[] = [];
  const skipped = [...notes];
  let accepted: readonly string[] = [];
  let objection: string | undefined;
  let partial = false;
  const authHandler: AuthHandlerMiddleware = (methods, partialSuccess, next) => {
    accepted = methods ?? accepted; // null, whatever its type says, before the host has said any
    partial ||= partialSuccess;
    const offer = waiting.shift();
    if (offer === undefined) {
      next(false as never); // the package's way to give up, which its types have forgotten
      return;
    }
    if (offer.type !== 'none') tried.push(offer.label);
    next(methodOf(offer, hop.user));
  };
  const config: ConnectConfig = {
    host: hop.host, port: hop.port, username: hop.user,
    readyTimeout: 0, // ours covers the way there, too
    keepaliveInterval: hop.keepaliveMs, keepaliveCountMax: KEEPALIVES_UNANSWERED_MAX,
    algorithms: { serverHostKey: hostKeyAlgorithms(keys.types) },
    hostVerifier: (key: Buffer) => {
      objection = keys.objection(key);
      return objection === undefined;
    },
    authHandler,
  };
  return {
    config,
    agentFailed: () => skipped.push(`the agent at ${hop.agentSocket ?? '?'} does not answer or does not sign`),
    failure: (error) => {
      if (objection !== undefined) return sshFailure(objection, error, { refused: true });
      if (error?.level !== 'client-authentication') return unreachableHost(hop, error);
      return sshFailure(notLetIn(hop, { tried, skipped, accepted, partial }), error, { refused: true });
    },
  };
}

function methodOf(offer: Offer, username: string): AnyAuthMethod {
  switch (offer.type) {
    case 'none': return { type: 'none', username };
    case 'agent': return { type: 'agent', username, agent: offer.socket };
    case 'key': return { type: 'publickey', username, key: offer.text };
    default: return unreachable(offer);
  }
}

function readingOf(key: ParsedKey | Error): KeyReading {
  if (!(key instanceof Error)) return key.isPrivateKey() ? { type: 'key', keyType: key.type } : { type: 'public' };
  return /no passphrase/.test(key.message) ? { type: 'encrypted' } : { type: 'unreadable' };
}

const HOST_KEY_ALGORITHMS: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'rsa-sha2-512', 'rsa-sha2-256',
];

/** Those first whose keys are known: a host has several, and shows the one that is asked for. */
function hostKeyAlgorithms(types: readonly string[]): ServerHostKeyAlgorithm[] {
  const isKnown = (name: string): boolean => types.includes(name.startsWith('rsa-') ? 'ssh-rsa' : name);
  return [...HOST_KEY_ALGORITHMS.filter(isKnown), ...HOST_KEY_ALGORITHMS.filter((name) => !isKnown(name))];
}

function collect(stream: NodeJS.ReadableStream): () => Buffer {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < OUTPUT_BYTES_MAX) chunks.push(chunk);
    size += chunk.length;
  });
  return () => Buffer.concat(chunks);
}

function hasEnd(value: unknown): value is { end(): void } {
  return typeof value === 'object' && value !== null && 'end' in value;
}

function deferred(): { promise: Promise<never>; reject: (reason: Error) => void } {
  let reject: (reason: Error) => void = () => { /* set before it is returned */ };
  const promise = new Promise<never>((_, fail) => { reject = fail; });
  return { promise, reject };
}
