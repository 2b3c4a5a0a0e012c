// From the submission to the first result where the user has no user endpoint yet: of our multi-user endpoint and of
// the field's agent, one after the other.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Effort } from '../effort.ts';
import type { ServicePlace } from '../endpoint/place.ts';
import { SdkScript } from '../endpoint/script.ts';
import { TWO_WORKERS } from '../endpoint/two-workers.ts';
import { repeat, spread, type Spread } from '../measure.ts';
import { startedAgent, stopped } from '../peers/agent.ts';
import type { Environment } from '../peers/python.ts';
import { Closers } from '../service/closers.ts';
import type { LocalAccount } from './accounts.ts';
import { childrenOf, familyOf, processesOf } from '../processes.ts';
import { multiUserSite } from './site.ts';

/** What both have: the same user of the same service, the same SDK, the same template. */
export interface Setting {
  readonly place: ServicePlace;
  readonly python: Environment;
  readonly account: LocalAccount;
  readonly programs: string;
}

/** A multi-user endpoint that runs, and who submits to it. */
interface Contender extends AsyncDisposable {
  readonly name: string;
  readonly script: Pick<SdkScript, 'first'>;
  /** Of user endpoints, with all that they have started. */
  readonly processes: () => number[];
  /** The user endpoint itself, which sees to the others. */
  readonly leaders: () => number[];
}

export interface FirstResults {
  readonly ours: Spread;
  readonly agent?: Spread;
}

const ROUNDS = 7;
const END_MS = 60_000;
const LOOK_MS = 50;

/** Each starts and ends a user endpoint in its turn; the first turn of each is not counted. */
export async function firstResults(setting: Setting, effort: Effort): Promise<FirstResults> {
  const { quick, peer, signal, progress } = effort;
  await using opened = new Closers();
  const contenders = [opened.use(await ours(setting, effort))];
  if (peer === 'agent') contenders.push(opened.use(await agents(setting, effort)));
  const rounds = await repeat(quick ? 3 : ROUNDS, signal, async (round) => {
    const taken = new Map<string, number>();
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      progress(`${contender.name}: submission to first result, ${round === 0 ? 'warming up' : `repetition ${round}`}`);
      taken.set(contender.name, await contender.script.first());
      await ended(contender, signal);
    }
    return taken;
  });
  const of = (name: string): Spread => spread(rounds.slice(1).map((taken) => taken.get(name) ?? Number.NaN));
  return { ours: of('ours'), ...peer === 'agent' && { agent: of('agent') } };
}

async function ours(setting: Setting, { directory, signal, progress }: Effort): Promise<Contender> {
  const { place, python, account, programs } = setting;
  await using opened = new Closers();
  progress('ours: starting');
  const { endpoint, supervisor } = opened.use(await multiUserSite({
    name: 'ours', place, directory, template: TWO_WORKERS, users: new Map([[place.username, account]]), programs,
  }));
  const env = place.environment(join(directory, 'ours-script'));
  const script = opened.use(await SdkScript.start({ python: python.python, env, endpoint, signal }));
  const all = opened.move();
  return {
    name: 'ours', script, processes: () => processesOf(account.uid), leaders: () => childrenOf(supervisor),
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  };
}

async function agents({ place, python }: Setting, effort: Effort): Promise<Contender> {
  await using opened = new Closers();
  const { agent, script } = opened.use(await startedAgent({ place, python, config: TWO_WORKERS }, effort));
  opened.add(() => stopped(agent));
  const own = new Set(agent.processes());
  const leaders = (): number[] => (agent.manager === undefined ? [] : childrenOf(agent.manager));
  const all = opened.move();
  return {
    name: 'agent', script, leaders,
    // Its blocks' processes leave the family.
    processes: () => [...leaders().flatMap(familyOf), ...agent.processes().filter((pid) => !own.has(pid))],
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  };
}

/** Its user endpoint, in order, with everything of it: the next one must find nothing. */
async function ended({ processes, leaders, name }: Contender, signal: AbortSignal): Promise<void> {
  for (const pid of leaders()) process.kill(pid, 'SIGTERM');
  const end = performance.now() + END_MS;
  while (processes().length > 0) {
    signal.throwIfAborted();
    if (performance.now() > end) throw new Error(`${name}: its user endpoint does not end: ${processes().join(', ')}`);
    await sleep(LOOK_MS);
  }
}
