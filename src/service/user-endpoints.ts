// A manager's user endpoints: one for each user, configuration and version of Python, started when there are tasks.
//
// What is true of one: a submission is accepted when it has checked in, or when nobody can say yet whether it will.
// Whatever is accepted has an end: it runs, or it fails with the reason why its endpoint did not start.

import { formatJson } from '../common/json.ts';
import type { Courier } from './courier.ts';
import type { Ending } from './ending.ts';
import { readsRuntime } from './endpoints.ts';
import type { FailedStarts } from './failed-starts.ts';
import type { Grants } from './grants.ts';
import type { Presence, Sign } from './presence.ts';
import { Refusal } from './refusal.ts';
import { StartCommands, type StartCommandDeps } from './start-commands.ts';
import type { Store } from './store.ts';
import type { StoredEndpoint, UserEndpoint } from './store/endpoints.ts';
import { checkWish, childId, type Wish } from './wish.ts';

export interface UserEndpointDeps extends StartCommandDeps {
  readonly store: {
    readonly endpoints: Pick<Store['endpoints'],
      'find' | 'child' | 'children' | 'childrenOf' | 'countChildren' | 'addChild' | 'markUsed' | 'removeChild'
      | 'unusedChildren'>;
    readonly results: Pick<Store['results'], 'hasOpenTasks'>;
    readonly identities: Pick<Store['identities'], 'byId'>;
  };
  readonly courier: StartCommandDeps['courier'] & Pick<Courier, 'declareTasks' | 'purgeTasks'>;
  readonly grants: StartCommandDeps['grants'] & Pick<Grants, 'freshSalt'>;
  readonly presence: Presence;
  readonly ending: Pick<Ending, 'end' | 'failTasks'>;
  readonly failedStarts: FailedStarts;
}

/** Clients give up after 60 s and ask again: they must have their answer before that. */
const CHECK_IN_MS = 40_000;
/** Managers start an endpoint once, however often they are told; one that lost a command gets it once more. */
const TELL_AGAIN_MS = 14_000;
/** How often it is looked who has gone without a word. */
export const WATCH_EVERY_MS = 10_000;
/** So long may a start take whose submission was accepted meanwhile. */
const START_MS = 10 * 60_000;
const HOUR_S = 3_600;
/** Of one user below one manager: each has a queue and a user at the broker. */
const CHILDREN_MAX = 1_000;
/** Unused ones that go with one sweep. */
const EXPIRED_TOGETHER = 100;

type Came = Awaited<ReturnType<Presence['next']>>;

export class UserEndpoints {
  readonly #deps: UserEndpointDeps;
  readonly #commands: StartCommands;
  /** Whoever waits for the same one waits for the same start. */
  readonly #starts = new Map<string, Promise<Came>>();
  /** Told to start, and nobody waits for them but their tasks: when that has taken too long. */
  readonly #overdueMs = new Map<string, number>();

  constructor(deps: UserEndpointDeps) {
    this.#deps = deps;
    this.#commands = new StartCommands(deps);
  }

  /**
   * The id of the user endpoint that serves this wish. It has checked in, or will find its tasks when it does. 422 with
   * the endpoint's own words when it could not start, 429 when too many did not.
   */
  async target(manager: StoredEndpoint, wish: Wish): Promise<string> {
    const { presence, clock, courier } = this.#deps;
    const child = await this.#child(manager, wish);
    const { id } = child;
    await courier.declareTasks(id);
    const nowS = clock.now() / 1000;
    if (presence.isOnline(id, nowS)) await this.#commands.remind(id, wish.identity);
    // A manager that is away gets the order when it comes back; until then the tasks wait.
    else if (presence.isOnline(manager.id, nowS)) await this.#started(child, wish.identity);
    return id;
  }

  /** Where tasks wait, somebody has to be started; where that failed, they have to be told. */
  async onSign(id: string, sign: Sign, wasOnline: boolean): Promise<void> {
    const { store, presence, clock, log } = this.#deps;
    switch (sign.type) {
      case 'online':
        this.#overdueMs.delete(id);
        if (wasOnline) break;
        // What ran below a manager went with it, even if it was heard of a moment ago.
        for (const child of await store.endpoints.children(id)) {
          await this.#revive(child).catch((err: unknown) => {
            log.warn({ err, endpoint: id, child: child.id }, 'user endpoint could not be started again');
          });
        }
        break;
      case 'offline': {
        const child = await store.endpoints.child(id);
        if (child !== undefined && !presence.isOnline(id, clock.now() / 1000)) await this.#revive(child);
        break;
      }
      case 'error': {
        // Whoever waits for the start has been told by now; who comes from here on waits for another.
        this.#starts.delete(id);
        const child = await store.endpoints.child(id);
        if (child !== undefined) await this.#onFailure(child, sign.text);
        break;
      }
    }
  }

  /** To be called now and then: for those that went without a word, and those that never came. */
  async watch(): Promise<void> {
    const { presence, clock, log } = this.#deps;
    const nowMs = clock.now();
    const failed = (id: string) => (err: unknown): void => {
      log.warn({ err, endpoint: id }, 'endpoint that is not there could not be seen to');
    };
    for (const id of presence.lapsed(nowMs / 1000)) {
      await this.onSign(id, { type: 'offline' }, true).catch(failed(id));
    }
    for (const [id, overdueMs] of this.#overdueMs) if (overdueMs <= nowMs) await this.#giveUp(id).catch(failed(id));
  }

  /** Its process loses the broker and ends, its tasks fail, and the next submission has a new one. */
  async remove({ id }: UserEndpoint, text: string): Promise<void> {
    await this.#deps.store.endpoints.removeChild(id);
    this.#overdueMs.delete(id);
    await this.#deps.ending.end(id, text);
  }

  /** Of a user that is one no more. */
  async removeAllOf(identity: string): Promise<void> {
    for (const child of await this.#deps.store.endpoints.childrenOf(identity)) {
      await this.remove(child, `User endpoint ${child.id} was ended before the task ran: its user was removed`);
    }
  }

  /** Those that nobody has used since, and that do not run. How many went. */
  async expire(beforeS: number, signal: AbortSignal): Promise<number> {
    const { store, clock } = this.#deps;
    const unused = await store.endpoints.unusedChildren(beforeS, clock.now() / 1000, EXPIRED_TOGETHER);
    let count = 0;
    for (const child of unused) {
      if (signal.aborted) break;
      await this.remove(child, `User endpoint ${child.id} was not used for long`);
      count++;
    }
    return count;
  }

  async #child(manager: StoredEndpoint, wish: Wish): Promise<UserEndpoint> {
    const { store: { endpoints }, clock, grants } = this.#deps;
    checkWish(wish);
    const id = childId(manager.id, readsRuntime(manager) ? wish : { ...wish, runtime: {} });
    const nowS = clock.now() / 1000;
    const known = await endpoints.child(id);
    const child = known ?? {
      id, manager: manager.id, identity: wish.identity.id, options: formatJson(wish.options),
      runtime: formatJson(wish.runtime), salt: grants.freshSalt(), usedS: nowS,
    };
    // The id says all of this: another one here is a clash that nobody can have meant.
    const isAnothers = child.identity !== wish.identity.id || child.manager !== manager.id
      || (known === undefined && await endpoints.find(id) !== undefined);
    if (isAnothers) {
      throw new Refusal('RESOURCE_CONFLICT', `the user endpoint for these values would have the id ${id}, which is `
        + 'taken: change a value of user_endpoint_config', [manager.id]);
    }
    if (known === undefined) await this.#add(child);
    else if (nowS - known.usedS > HOUR_S) await endpoints.markUsed(id, nowS);
    return child;
  }

  async #add(child: UserEndpoint): Promise<void> {
    const { endpoints } = this.#deps.store;
    const { manager, identity } = child;
    if (await endpoints.countChildren(manager, identity) >= CHILDREN_MAX) {
      throw new Refusal('SEMANTICALLY_INVALID', `Request payload failed validation: there are ${CHILDREN_MAX} user `
        + `endpoints of yours below endpoint ${manager}, one for each user_endpoint_config. Use one of those again, or `
        + 'delete some', [manager]);
    }
    await endpoints.addChild(child);
  }

  async #started(child: UserEndpoint, identity: Wish['identity']): Promise<void> {
    const { log } = this.#deps;
    let start = this.#starts.get(child.id);
    if (start === undefined) {
      this.#refuseLoop(child);
      log.info({ endpoint: child.manager, child: child.id, user: identity.username }, 'user endpoint was asked for');
      start = this.#start(child.id, identity);
      this.#starts.set(child.id, start);
    }
    const came = await start.finally(() => {
      if (this.#starts.get(child.id) === start) this.#starts.delete(child.id);
    });
    if (came?.type === 'error') {
      throw new Refusal('SEMANTICALLY_INVALID', `Request payload failed validation: ${came.text}`, [child.manager]);
    }
    if (came === undefined) this.#overdueMs.set(child.id, this.#deps.clock.now() + START_MS);
  }

  /** Whichever comes first of its check-in, its failure and the end of patience. */
  async #start(id: string, identity: Wish['identity']): Promise<Came> {
    const { presence, clock } = this.#deps;
    const enough = new AbortController();
    const sign = presence.next(id, enough.signal);
    const endMs = clock.now() + CHECK_IN_MS;
    try {
      for (let leftMs = CHECK_IN_MS; leftMs > 0; leftMs = endMs - clock.now()) {
        await this.#commands.send(id, identity);
        const came = await Promise.race([sign, clock.sleep(Math.min(leftMs, TELL_AGAIN_MS), enough.signal)]);
        if (came !== undefined) return came;
      }
    } finally {
      enough.abort();
    }
    return await sign;
  }

  /** Nobody is waited for: a start that fails is asked for again by the next submission, and by the one after it. */
  #refuseLoop({ manager, identity }: UserEndpoint): void {
    const exceeded = this.#deps.failedStarts.exceeded(starterOf(manager, identity), this.#deps.clock.now() / 1000);
    if (exceeded === undefined) return;
    const { count, text, retryAfterS } = exceeded;
    throw new Refusal('FAILED_STARTS_EXCEEDED',
      `${count} starts of your user endpoints on endpoint ${manager} failed within a minute, so no other is tried for `
      + `${retryAfterS} s. The last failed with: ${text}`, [manager], { retryAfterS });
  }

  async #onFailure(child: UserEndpoint, text: string): Promise<void> {
    const { presence, failedStarts, clock } = this.#deps;
    const { id, manager, identity } = child;
    const nowS = clock.now() / 1000;
    // It was there a moment ago: that was a second start of it, or the end of the first. Its next report tells which.
    if (presence.isOnline(id, nowS)) return;
    failedStarts.note(starterOf(manager, identity), text, nowS);
    // Tasks that were accepted before have nobody else to tell them; unless they are tried once more already.
    if (!this.#starts.has(id)) await this.#failTasks(id, `User endpoint ${id} did not start: ${text}`);
  }

  async #giveUp(id: string): Promise<void> {
    const { store, presence, clock } = this.#deps;
    const nowS = clock.now() / 1000;
    const child = await store.endpoints.child(id);
    // A manager that has gone is told when it comes back.
    const isDue = child !== undefined && !presence.isOnline(id, nowS) && presence.isOnline(child.manager, nowS);
    if (isDue) {
      await this.#failTasks(id, `User endpoint ${id} did not start: neither it nor a failure was heard of for `
        + `${START_MS / 60_000} minutes. Ask the administrator of its endpoint to look into its log`);
    }
    this.#overdueMs.delete(id);
  }

  /** Of one that does not run: what is in its queue would otherwise run after it was said to have failed. */
  async #failTasks(id: string, text: string): Promise<void> {
    const { store, courier, ending } = this.#deps;
    if (!await store.results.hasOpenTasks(id)) return;
    await courier.purgeTasks(id);
    await ending.failTasks(id, 'ENDPOINT_START_FAILED', text);
  }

  async #revive(child: UserEndpoint): Promise<void> {
    const { store, presence, clock } = this.#deps;
    const { id, manager } = child;
    if (!presence.isOnline(manager, clock.now() / 1000) || this.#starts.has(id)) return;
    if (!await store.results.hasOpenTasks(id)) return;
    const identity = await store.identities.byId(child.identity);
    if (identity === undefined) return;
    this.#overdueMs.set(id, clock.now() + START_MS);
    await this.#commands.send(id, identity);
  }
}

function starterOf(manager: string, identity: string): string {
  return `${manager} ${identity}`;
}
