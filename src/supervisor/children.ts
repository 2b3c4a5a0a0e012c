// The user endpoints under this supervisor: each is started once, started again if it ended just when it was wanted,
// and ended with everything of it when the supervisor ends.
//
// What is always true: a name has at most one process, and belongs to one identity for as long as the supervisor runs.

import type { StartCommand } from '../amqp/start-command.ts';
import type { Clock } from '../common/clock.ts';
import { ComputeError } from '../common/errors.ts';
import type { JsonObject } from '../common/json.ts';
import type { Logger } from '../common/log.ts';
import type { Account } from './accounts.ts';
import { shown, shownLines } from './audit.ts';
import { unexpectedError } from './commands.ts';
import { FailedStarts } from './failed-starts.ts';
import { failureText, StartFailed } from './launch.ts';
import type { Ended, UserEndpointProcess } from './spawn.ts';
import { StartSlots, type SlotLimits } from './start-slots.ts';

/** A start command, and as whom it was let in. */
export interface StartOrder {
  readonly command: StartCommand;
  readonly account: Account;
  readonly matched?: JsonObject;
  readonly candidates?: readonly JsonObject[];
}

export interface Started {
  readonly process: UserEndpointProcess;
  /** Its command line, for the log. */
  readonly shown: string;
}

export interface ChildrenDeps {
  readonly log: Logger;
  readonly clock: Clock;
  /** Throws a StartFailed, or START_FAILED where there can be no process. */
  readonly start: (order: StartOrder) => Promise<Started>;
  /** The account as it is now; undefined: it may not be used any more. */
  readonly again: (account: Account) => Promise<Account | undefined>;
  /** Tells the user that there is no user endpoint, and why. */
  readonly notify: (command: StartCommand, text: string) => void;
}

export interface ChildrenOptions extends SlotLimits {
  readonly graceMs: number;
}

interface Child {
  readonly name: string;
  readonly account: Account;
  /** As whom, and why, it was let in. */
  readonly order: StartOrder;
  /** undefined: it waits for its turn. */
  process: UserEndpointProcess | undefined;
  label: string;
  /** The last request that came while it was there. */
  remembered: { readonly order: StartOrder; readonly atMs: number } | undefined;
}

export type Answer =
  | { readonly type: 'started' | 'running' }
  | { readonly type: 'refused'; readonly notice: string; readonly text: string };

/** One that is not up by then lets others begin. */
const SLOT_MS_MAX = 10_000;
const NAMES_MAX = 100_000;
/** What is running gets for its end: tasks end or go back, blocks are cancelled. And then for its being killed. */
export const END_MS = 50_000;
const KILL_MS = 5_000;

export class Children {
  readonly #deps: ChildrenDeps;
  readonly #graceMs: number;
  readonly #slots: StartSlots;
  readonly #children = new Map<string, Child>();
  readonly #owners = new Map<string, string>();
  readonly #failedStarts = new FailedStarts();
  readonly #vanishing = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();

  constructor(deps: ChildrenDeps, options: ChildrenOptions) {
    this.#deps = deps;
    this.#graceMs = options.graceMs;
    this.#slots = new StartSlots(options);
  }

  /** Those that have a process. */
  get count(): number {
    return [...this.#children.values()].filter((child) => child.process !== undefined).length;
  }

  /** Resolves when there is a process, or is not going to be one. The user is told by whoever asked. */
  async request(order: StartOrder): Promise<Answer> {
    const { command: { name, effectiveIdentity }, account } = order;
    const { clock, log } = this.#deps;
    const owner = this.#owners.get(name);
    const child = this.#children.get(name);
    if (owner !== undefined && owner !== effectiveIdentity) return foreign(name, `identity ${owner}`);
    if (child !== undefined && child.account.uid !== account.uid) return foreign(name, `user ${child.account.name}`);
    if (child !== undefined) {
      child.remembered = { order, atMs: clock.now() };
      log.info(`User endpoint ${name} is already running (pid: ${child.process?.pid ?? 'none yet'}); caching arguments `
        + "in case it's about to shut down");
      return { type: 'running' };
    }
    const last = this.#failedStarts.refusal(name, clock.now());
    if (last !== undefined) return { type: 'refused', notice: last, text: `not tried again yet: ${shown(last)}` };
    this.#own(name, effectiveIdentity);
    return await this.#start(order);
  }

  /** Of those that have a process: who may is asked again when that changes. */
  get running(): readonly StartOrder[] {
    return [...this.#children.values()].filter((child) => child.process !== undefined).map(({ order }) => order);
  }

  /** One of them, with no other in its place. Whoever runs it may not want it to end. */
  async end(name: string): Promise<void> {
    const child = this.#children.get(name);
    if (child?.process === undefined) return;
    const { process } = child;
    child.remembered = undefined;
    process.terminate();
    const ended = new AbortController();
    void process.ended.then(() => ended.abort());
    await this.#deps.clock.sleep(END_MS, ended.signal);
    process.kill();
  }

  /** Every user endpoint is told to end, and what is left at the end is ended. `hurry` ends the wait. */
  async close(hurry: AbortSignal): Promise<void> {
    const { log } = this.#deps;
    this.#closing.abort();
    for (const { process, account, label } of this.#children.values()) {
      if (process === undefined) continue;
      log.info(`Signaling shutdown of user endpoint (${numbers(process, account)}) [${label}]`);
      process.terminate();
    }
    await this.#vanished(END_MS, hurry);
    for (const { process, account, label } of this.#children.values()) {
      if (process === undefined) continue;
      log.warn(`Forcibly killing of user endpoint (${numbers(process, account)}) [${label}]`);
      process.kill();
    }
    await this.#vanished(KILL_MS, undefined);
    if (this.count > 0) log.error({ count: this.count }, 'user endpoints did not end, not even when they were killed');
  }

  async #start(order: StartOrder): Promise<Answer> {
    const { command: { name }, account } = order;
    const { log, clock, start } = this.#deps;
    const child: Child = {
      name, account, order, process: undefined, label: `(${account.name}, ${name})`, remembered: undefined,
    };
    const slot = this.#slots.take(account.uid);
    if (slot === undefined) {
      const text = 'Too many user endpoints are waiting to be started; try again in a minute';
      return { type: 'refused', notice: text, text };
    }
    this.#children.set(name, child);
    const release = await slot;
    let started: Started;
    try {
      this.#closing.signal.throwIfAborted();
      const starting = start(order);
      this.#untilThen(starting);
      started = await starting;
    } catch (error) {
      this.#children.delete(name);
      release();
      if (this.#closing.signal.aborted) throw error;
      return this.#onNoProcess(order, error);
    }
    child.process = started.process;
    child.label = `(${account.name}, ${name}) ${started.shown}`;
    const { process } = started;
    log.info({ user: account.name, uid: account.uid, endpoint: name, pid: process.pid,
      identity: order.command.effectiveIdentity },
    `Creating new user endpoint (pid: ${process.pid}) [${child.label}]`);
    void Promise.race([process.started, clock.sleep(SLOT_MS_MAX)]).then(release);
    void this.#follow(child, process, order);
    // Told to end in the same moment.
    if (this.#closing.signal.aborted) process.terminate();
    return { type: 'started' };
  }

  #onNoProcess({ command: { name }, account }: StartOrder, error: unknown): Answer {
    const { clock } = this.#deps;
    if (error instanceof StartFailed) {
      const text = failureText(account.name, error.failure);
      this.#failedStarts.failed(name, text, clock.now());
      return { type: 'refused', notice: text, text: shown(text) };
    }
    const reason = error instanceof ComputeError && error.cause instanceof Error ? error.cause.message : String(error);
    return {
      type: 'refused', notice: 'General or unknown failure starting user endpoint',
      text: `Unable to fork child process: (${error instanceof Error ? error.name : 'unknown'}) ${shown(reason)}`,
    };
  }

  /** From its start to its end. */
  async #follow(child: Child, process: UserEndpointProcess, order: StartOrder): Promise<void> {
    const { clock, log, notify } = this.#deps;
    this.#untilThen(process.vanished);
    const failure = await process.started;
    if (failure === undefined) {
      this.#failedStarts.succeeded(child.name);
      log.info({ user: child.account.name, endpoint: child.name, pid: process.pid },
        `User endpoint is up [${child.label}]`);
    } else if (!this.#closing.signal.aborted) {
      const text = failureText(child.account.name, failure);
      const detail = failure.detail === undefined ? '' : ` -- ${failure.detail}`;
      log.error({ user: child.account.name, endpoint: child.name, pid: process.pid }, shownLines(text + detail));
      this.#failedStarts.failed(child.name, text, clock.now());
      notify(child.remembered?.order.command ?? order.command, text);
      // Who has asked until now has this answer. Who asks from now on, before its process is gone, has none.
      child.remembered = undefined;
    }
    const ended = await process.ended;
    this.#children.delete(child.name);
    this.#logEnd(child, process.pid, ended);
    if (failure !== undefined || ended.code === 0) await this.#revive(child);
  }

  /** What was asked of it while it was about to end is asked of another. */
  async #revive({ name, account, remembered }: Child): Promise<void> {
    const { clock, log, again, notify } = this.#deps;
    if (remembered === undefined || this.#closing.signal.aborted) return;
    if (clock.now() - remembered.atMs > this.#graceMs) return;
    const last = this.#failedStarts.refusal(name, clock.now());
    if (last !== undefined) {
      notify(remembered.order.command, last);
      return;
    }
    try {
      const now = await again(account);
      if (now === undefined) {
        log.warn(`Unable to update local user information; user EP will not be revived.  (KeyError) ${account.name}`);
        return;
      }
      // A request of its own may have been faster.
      if (this.#children.has(name)) return;
      log.info('User EP stopped within grace period; using cached arguments to start a new instance '
        + `(name: ${name})`);
      const answer = await this.#start({ ...remembered.order, account: now });
      if (answer.type !== 'refused') return;
      log.error({ user: account.name, endpoint: name }, answer.text);
      notify(remembered.order.command, answer.notice);
    } catch (err) {
      log.error({ err, endpoint: name }, 'user endpoint was not started again');
    }
  }

  #logEnd({ label }: Child, pid: number, { code, signal }: Ended): void {
    const { log } = this.#deps;
    if (signal !== null) log.warn(`Command terminated by signal: ${signal} (${pid}) [${label}]`);
    else if (code === 0) log.info(`Command stopped normally (${pid}) [${label}]`);
    else log.warn(`Command return code: ${code} (${pid}) [${label}]`);
  }

  async #vanished(withinMs: number, hurry: AbortSignal | undefined): Promise<void> {
    const enough = new AbortController();
    const signal = hurry === undefined ? enough.signal : AbortSignal.any([enough.signal, hurry]);
    const all = async (): Promise<void> => {
      // A process may come to be in just this moment.
      while (this.#vanishing.size > 0) await Promise.allSettled(this.#vanishing);
    };
    await Promise.race([all(), this.#deps.clock.sleep(withinMs, signal)]);
    enough.abort();
  }

  /** The end of the supervisor waits for it. */
  #untilThen(what: Promise<unknown>): void {
    this.#vanishing.add(what);
    // A process that did not come to be has vanished, too.
    const forget = (): void => { this.#vanishing.delete(what); };
    what.then(forget, forget);
  }

  #own(name: string, identity: string): void {
    this.#owners.set(name, identity);
    const [oldest] = this.#owners.keys();
    if (this.#owners.size > NAMES_MAX && oldest !== undefined) this.#owners.delete(oldest);
  }
}

function foreign(name: string, whose: string): Answer {
  return {
    type: 'refused', notice: unexpectedError('InvalidUserError'),
    text: `(InvalidUserError) the user endpoint ${name} belongs to ${shown(whose)}; it is nobody else's`,
  };
}

function numbers({ pid }: UserEndpointProcess, { uid, gid, name }: Account): string {
  return `PID: ${pid}, PGID: ${pid}, UID: ${uid}, GID: ${gid}, User: ${name}`;
}
