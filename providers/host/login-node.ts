// A login node, reached over SSH: its commands and files over one connection, a bounded number at a time. Every call
// is bounded, the wait for a connection included. A command that was running when the connection broke fails: nobody
// knows what became of it. One that had not begun begins on the next connection.

import { randomUUID } from 'node:crypto';
import type { Clock } from '../../src/common/clock.ts';
import { ComputeError, unreachable } from '../../src/common/errors.ts';
import type { Output } from '../../src/common/exec.ts';
import type { SshChannel } from './channel.ts';
import { Connector } from './connector.ts';
import type { Host, Premises } from './host.ts';
import { premisesOn } from './premises.ts';
import { readReply, REMOTE_SHELL, remoteScript } from './remote-script.ts';
import type { Surroundings } from './route.ts';
import { homeOf, readExcerpt, removeFile, writeWhole, type Sftp } from './sftp-files.ts';
import type { SshConnection } from './ssh.ts';
import { isSsh, sshFailure } from './ssh-failures.ts';
import { Turnstile } from './turnstile.ts';

/** Sessions on one connection: servers allow ten, unless they were told otherwise. */
const SESSIONS_MAX = 8;
const CROWDED_REST_MS = 50;
/** A file, the connection included. */
const FILE_TIMEOUT_MS = 30_000;

export interface LoginNodeDeps {
  readonly clock: Clock;
  readonly here: Surroundings;
}

export class LoginNode implements Host {
  readonly #channel: SshChannel;
  readonly #clock: Clock;
  readonly #connector: Connector;
  readonly #turnstile = new Turnstile(SESSIONS_MAX);

  constructor(channel: SshChannel, deps: LoginNodeDeps) {
    this.#channel = channel;
    this.#clock = deps.clock;
    this.#connector = new Connector(channel, deps);
  }

  async run(argv: readonly [string, ...string[]], { timeoutMs }: { readonly timeoutMs: number }): Promise<Output> {
    const { envs, hostname } = this.#channel;
    const mark = `switchyard-${randomUUID()}`;
    const script = remoteScript(argv, envs, mark);
    const exit = await this.#inTime(argv[0], timeoutMs, (connection, signal) =>
      connection.exec(REMOTE_SHELL, script, signal));
    const reply = readReply(exit.stdout, exit.stderr, mark);
    switch (reply.type) {
      case 'answer':
        return { code: exit.code, signal: exit.signal, stdout: reply.stdout, stderr: reply.stderr };
      case 'absent':
        throw sshFailure(`could not start ${argv[0]} on ${hostname}: it is not in the PATH of commands there; set PATH`
          + " in the channel's envs", undefined, { started: false });
      case 'unstarted':
        throw sshFailure(`the login shell on ${hostname} did not run ${argv[0]}`
          + (reply.said === '' ? ' and said nothing' : ` but said: ${reply.said}`), undefined, { started: false });
      default:
        return unreachable(reply);
    }
  }

  async write(path: string, text: string, mode: number): Promise<void> {
    await this.#inFiles(`write ${path}`, (sftp) => writeWhole(sftp, path, Buffer.from(text), mode));
  }

  async excerpt(path: string, bytesMax: number): Promise<string> {
    try {
      return await this.#inFiles(`read ${path}`, (sftp) => readExcerpt(sftp, path, bytesMax));
    } catch {
      return ''; // not there, not ours to read, or not reachable now: a report goes without it
    }
  }

  async remove(path: string): Promise<void> {
    await this.#inFiles(`remove ${path}`, (sftp) => removeFile(sftp, path));
  }

  async premises(here: Premises): Promise<Premises> {
    try {
      const home = this.#channel.scriptDir.startsWith('~') ? await this.#inFiles('find the home folder', homeOf) : '';
      return await premisesOn(this, this.#channel, here, home);
    } catch (cause) {
      if (cause instanceof ComputeError && cause.code === 'START_FAILED') throw cause;
      throw new ComputeError('START_FAILED', cause instanceof Error ? cause.message : 'no login node', { cause });
    }
  }

  async close(): Promise<void> {
    await this.#connector.close();
  }

  async #inFiles<T>(what: string, use: (sftp: Sftp) => Promise<T>): Promise<T> {
    try {
      return await this.#inTime('SFTP', FILE_TIMEOUT_MS, (connection, signal) => connection.sftp(signal, use));
    } catch (cause) {
      const why = cause instanceof Error ? `: ${cause.message}` : '';
      throw new ComputeError('STORAGE_FAILED', `could not ${what} on ${this.#channel.hostname}${why}`, { cause });
    }
  }

  async #inTime<T>(
    what: string, ms: number, use: (connection: SshConnection, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const [over, done] = [new AbortController(), new AbortController()];
    const late = sshFailure(`${what} did not end within ${ms / 1000} s on ${this.#channel.hostname}`);
    void this.#clock.sleep(ms, done.signal).then(() => { if (!done.signal.aborted) over.abort(late); });
    try {
      return await this.#inside(over.signal, use);
    } finally {
      done.abort();
    }
  }

  async #inside<T>(
    signal: AbortSignal, use: (connection: SshConnection, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    for (let fresh = false; ;) {
      const leave = await this.#turnstile.enter(signal).catch((cause: unknown) => {
        throw sshFailure(`${this.#channel.hostname} was busy with our other commands`, cause, { started: false });
      });
      try {
        return await use(await this.#connector.connected(signal), signal);
      } catch (error) {
        if (signal.aborted) throw error;
        if (isSsh(error, 'stale') && !fresh) {
          fresh = true; // the connection was gone before anybody knew: once more, over a new one
          continue;
        }
        if (!isSsh(error, 'crowded')) throw error;
        // Nothing was begun. The others end, and the server needs a moment to forget those that have.
        this.#turnstile.narrow(this.#turnstile.inside - 1);
        await this.#clock.sleep(CROWDED_REST_MS, signal);
        if (signal.aborted) throw error;
      } finally {
        leave();
      }
    }
  }
}
