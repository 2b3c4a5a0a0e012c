// The peer: the field's own endpoint agent.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ComputeError } from '../../src/common/errors.ts';
import type { Effort } from '../effort.ts';
import type { Contender, EndpointFigures, Setting } from '../endpoint/measure.ts';
import type { ServicePlace } from '../endpoint/place.ts';
import { SdkScript } from '../endpoint/script.ts';
import { Closers } from '../service/closers.ts';
import { FieldAgent } from './field-agent.ts';

/** Brings the SDK of the same version. */
export const AGENT = 'globus-compute-endpoint==4.19.0';
export const AGENT_VERSION = AGENT.split('==')[1] ?? '';

export type AgentFigures = EndpointFigures & { readonly version: string };

const ONLINE_MS = 60_000;
/** From the end of its command `stop` until its engine and workers have ended, too. */
const END_MS = 30_000;
const LOOK_MS = 50;

/** It runs, and has no user endpoint. */
export interface StartedAgent extends AsyncDisposable {
  readonly agent: FieldAgent;
  /** Of its owner, who submits to it. */
  readonly script: SdkScript;
}

/** Registered once, and stopped. */
export async function agentContender(setting: Setting, effort: Effort): Promise<Contender> {
  await using opened = new Closers();
  const { agent, script } = opened.use(await startedAgent(setting, effort));
  await stopped(agent);
  const all = opened.move();
  return {
    name: 'agent', runsTasks: true, script, start: () => agent.start(), stop: () => stopped(agent),
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  };
}

export async function startedAgent({ place, python, config }: Setting, effort: Effort): Promise<StartedAgent> {
  const home = join(effort.directory, 'agent');
  await using opened = new Closers();
  effort.progress('agent: starting');
  const agent = opened.use(await FieldAgent.configure({
    bin: join(python.folder, 'bin'), env: place.environment(home), home, template: config,
  }));
  agent.start();
  const endpoint = await online(agent, place, effort.signal);
  // With a home of its own: the agent's is the mark of its processes.
  const env = place.environment(`${home}-script`);
  const script = opened.use(await SdkScript.start({ python: python.python, env, endpoint, signal: effort.signal }));
  const all = opened.move();
  return { agent, script, [Symbol.asyncDispose]: () => all[Symbol.asyncDispose]() };
}

async function online(agent: FieldAgent, place: ServicePlace, signal: AbortSignal): Promise<string> {
  const end = performance.now() + ONLINE_MS;
  while (performance.now() < end) {
    signal.throwIfAborted();
    const { id } = agent;
    if (id !== undefined && await place.isOnline(id)) return id;
    await sleep(LOOK_MS);
  }
  throw new ComputeError('COMMAND_FAILED', `the agent did not come up: ${agent.output()}`);
}

/** With everything that it had started: it must not take time from whoever is measured next. */
export async function stopped(agent: FieldAgent): Promise<void> {
  await agent.stop();
  const end = performance.now() + END_MS;
  while (agent.processes().length > 0 && performance.now() < end) await sleep(LOOK_MS);
  await agent.crash();
}
