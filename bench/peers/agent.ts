// The peer: the field's own endpoint agent with the engine that it has by default, and two workers.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ComputeError } from '../../src/common/errors.ts';
import type { Effort } from '../effort.ts';
import { measureRunning, measureStart, type EndpointFigures, type StartFigures } from '../endpoint/measure.ts';
import type { ServicePlace } from '../endpoint/place.ts';
import { SdkScript } from '../endpoint/script.ts';
import { FieldAgent } from './field-agent.ts';
import type { Environment } from './python.ts';

/** Brings the SDK of the same version. */
export const AGENT = 'globus-compute-endpoint==4.19.0';

export type AgentFigures = EndpointFigures & StartFigures & { readonly version: string };

const TEMPLATE = `
idle_heartbeats_soft: 0
engine:
  type: GlobusComputeEngine
  max_workers_per_node: 2
  address: 127.0.0.1
  provider:
    type: LocalProvider
    init_blocks: 1
    min_blocks: 1
    max_blocks: 1
`;

const ONLINE_MS = 60_000;
const LOOK_MS = 50;

export async function measureAgent(place: ServicePlace, python: Environment, effort: Effort): Promise<AgentFigures> {
  const home = join(effort.directory, 'agent');
  const env = place.environment(home);
  await using agent = await FieldAgent.configure({
    bin: join(python.folder, 'bin'), env, home, template: TEMPLATE,
  });
  effort.progress('agent: starting');
  agent.start();
  const endpoint = await online(agent, place, effort.signal);
  await using script = await SdkScript.start({ python: python.python, env, endpoint, signal: effort.signal });
  const running = await measureRunning(script, 'agent', effort);
  const start = await measureStart(script, 'agent', {
    start: () => agent.start(),
    stop: () => agent.stop(),
  }, effort);
  return { version: AGENT.split('==')[1] ?? '', ...running, ...start };
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
