import { ensureEnvironment } from '../peers/python.ts';
import { AGENT, AGENT_VERSION, agentContender } from '../peers/agent.ts';
import { instantContender } from '../endpoint/instant.ts';
import { measureInTurns } from '../endpoint/measure.ts';
import { ourContender } from '../endpoint/ours.ts';
import { ServicePlace } from '../endpoint/place.ts';
import { TWO_WORKERS } from '../endpoint/two-workers.ts';
import type { BenchReport } from '../results.ts';
import type { Effort } from '../effort.ts';

/**
 * Python tasks of the field's SDK, through one service and one broker: with an endpoint that costs nothing, with ours,
 * and with the field's own agent.
 */
export async function endpoint(effort: Effort): Promise<Partial<BenchReport>> {
  const python = await ensureEnvironment(AGENT, effort.python, effort);
  effort.progress('starting a service with its broker');
  await using place = await ServicePlace.start(effort.directory);
  const setting = { place, python, config: TWO_WORKERS };
  await using limit = await instantContender(setting, effort);
  await using ours = await ourContender(setting, effort);
  if (effort.peer !== 'agent') return { endpoint: await measureInTurns({ limit, ours }, effort) };
  await using agent = await agentContender(setting, effort);
  const all = await measureInTurns({ limit, ours, agent }, effort);
  return { endpoint: { ...all, agent: { version: AGENT_VERSION, ...all.agent } } };
}
