// A broker of the service's own: started with it, started again when it dies, ended with it however the service ends.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { backOffMs } from '../amqp/back-off.ts';
import { Connection } from '../amqp/connection.ts';
import { ComputeError } from '../common/errors.ts';
import { exec, killGroup } from '../common/exec.ts';
import { BrokerAdmin, type BrokerDeps } from './broker-admin.ts';
import { installBroker, isFree, lastWords, type BrokerFiles, type PrivateBrokerConfig } from './broker-files.ts';

const START_MS = 90_000;
const STOP_MS = 30_000;
/** A broker that ran this long was not broken from the start. */
const STABLE_MS = 60_000;
const LOOK_MS = 50;

/**
 * Holds the broker and its port mapper. Standard input is the leash: whatever ends the service closes it, and the
 * broker is told to stop, then killed. The lock is inherited by all of them, so it says truly whether one of them still
 * runs; should this shell be killed, the broker is told by the kernel.
 */
const HOLDER = `
set -u
directory=$1 server=$2 epmd=$3 epmd_port=$4
exec 7<&0 </dev/null 8>"$directory/lock"
if ! flock --timeout 40 8; then
  echo "another broker still uses $directory" >&2
  exit 75
fi
setpriv --pdeathsig KILL "$epmd" -port "$epmd_port" -address 127.0.0.1 7<&- &
mapper=$!
setpriv --pdeathsig TERM "$server" 7<&- &
broker=$!
(
  trap 'exit 0' TERM
  read -r _
  kill -TERM "$broker"
  left=200
  while kill -0 "$broker" && [ "$left" -gt 0 ]; do sleep 0.1; left=$((left - 1)); done
  kill -KILL "$broker"
) <&7 2>/dev/null 8>&- &
leash=$!
trap : TERM HUP INT
while kill -0 "$broker" 2>/dev/null; do wait "$broker"; done
kill -KILL "$mapper" 2>/dev/null
kill -TERM "$leash" 2>/dev/null
wait "$leash"
exit 0
`;

export class PrivateBroker implements AsyncDisposable {
  readonly #files: BrokerFiles;
  readonly #deps: BrokerDeps;
  readonly #closing = new AbortController();
  #holder: ChildProcess | undefined;
  #running: Promise<void> = Promise.resolve();

  private constructor(files: BrokerFiles, deps: BrokerDeps) {
    this.#files = files;
    this.#deps = deps;
  }

  /** Throws START_FAILED with the broker's last words, or with what to install. */
  static async start(config: PrivateBrokerConfig, deps: BrokerDeps): Promise<PrivateBroker> {
    const files = await installBroker(config, deps.log);
    await refuseTakenPort(files);
    const broker = new PrivateBroker(files, deps);
    try {
      await broker.#up();
    } catch (error) {
      await broker.close();
      throw error;
    }
    broker.#running = broker.#keep();
    return broker;
  }

  get url(): string {
    return this.#files.url;
  }

  get managementUrl(): string {
    return this.#files.managementUrl;
  }

  /** As endpoints and clients reach it, without a user. */
  get publicUrl(): string {
    return this.#files.publicUrl;
  }

  /** What the broker's own tools need to find it. */
  get environment(): Readonly<Record<string, string>> {
    return this.#files.environment;
  }

  /** Ends it, in order unless its data is not wanted any more. Safe to call twice. */
  async close(how: 'in order' | 'at once' = 'in order'): Promise<void> {
    this.#closing.abort();
    await this.#end(how === 'in order' ? 'SIGTERM' : 'SIGKILL');
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Waits for its death, again and again, and starts it anew on the same ports: those who use it know no others. */
  async #keep(): Promise<void> {
    const { log, clock } = this.#deps;
    let attempt = 0;
    while (!this.#closing.signal.aborted) {
      const since = clock.now();
      const holder = this.#holder;
      if (holder !== undefined && isAlive(holder)) await once(holder, 'close');
      if (this.#closing.signal.aborted) return;
      if (clock.now() - since > STABLE_MS) attempt = 0;
      log.error({ words: await lastWords(this.#files) }, 'private broker ended by itself, starting it again');
      await clock.sleep(backOffMs(attempt++), this.#closing.signal);
      if (this.#closing.signal.aborted) return;
      try {
        await this.#up();
        log.info('private broker is up again');
      } catch (err) {
        log.error({ err }, 'private broker did not start');
        await this.#end('SIGKILL');
      }
    }
  }

  async #up(): Promise<void> {
    const { log, clock } = this.#deps;
    const since = clock.now();
    const holder = this.#spawn();
    const up = new AbortController();
    const died = once(holder, 'close').then(() => up.abort(), () => up.abort());
    const stopped = AbortSignal.any([up.signal, this.#closing.signal]);
    while (!stopped.aborted && clock.now() - since < START_MS && !await this.#answers()) {
      await clock.sleep(LOOK_MS, stopped);
    }
    if (!stopped.aborted && clock.now() - since < START_MS) {
      log.info({ ms: Math.round(clock.now() - since) }, 'private broker started');
      return;
    }
    const words = await lastWords(this.#files);
    await this.#end('SIGKILL');
    await died;
    throw new ComputeError('START_FAILED', `the private broker did not start: ${words}; `
      + `its logs are in ${this.#files.logDirectory}`);
  }

  async #answers(): Promise<boolean> {
    const { clock } = this.#deps;
    const quiet = this.#deps.log.child({}, { level: 'silent' });
    const connection = new Connection({ url: this.url, name: 'switchyard start', handshakeMs: 2_000 },
      { log: quiet, clock });
    try {
      await connection.open();
      await new BrokerAdmin(this.managementUrl, this.url, { log: quiet, clock }).check();
      return true;
    } catch {
      return false; // not yet; whoever waits has a deadline, and the broker its log
    } finally {
      await connection.close();
    }
  }

  #spawn(): ChildProcess {
    const { directory, server, epmd, epmdPort, environment, startLog } = this.#files;
    const output = openSync(startLog, 'w', 0o600);
    // A session of its own: the terminal's interrupt is for the service, which then ends the broker in order.
    const holder = spawn('sh', ['-c', HOLDER, 'switchyard-broker', directory, server, epmd, String(epmdPort)], {
      detached: true, cwd: '/', env: environment, stdio: ['pipe', output, output],
    });
    closeSync(output);
    holder.on('error', (err) => this.#deps.log.error({ err }, 'private broker could not be started'));
    holder.stdin?.on('error', () => { /* it ended: that is seen at its exit */ });
    this.#holder = holder;
    return holder;
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const holder = this.#holder;
    if (holder?.pid === undefined || !isAlive(holder)) return;
    const ended = once(holder, 'close');
    const { pid } = holder;
    if (signal === 'SIGKILL') killGroup(pid, 'SIGKILL');
    holder.stdin?.end();
    const enough = new AbortController();
    await Promise.race([ended, this.#deps.clock.sleep(STOP_MS, enough.signal).then(() => {
      if (!enough.signal.aborted) killGroup(pid, 'SIGKILL');
    })]);
    enough.abort();
    await ended;
  }
}

/** A broker of ours may still be ending, and its port will be free; from anybody else's the broker itself would die. */
async function refuseTakenPort({ directory, host, port }: BrokerFiles): Promise<void> {
  const { code } = await exec(['flock', '--nonblock', `${directory}/lock`, 'true'], { timeoutMs: 10_000 });
  if (code !== 0 || await isFree(port, host)) return;
  throw new ComputeError('START_FAILED',
    `another program has port ${port} of ${host}: end it, or configure another port`);
}

function isAlive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
