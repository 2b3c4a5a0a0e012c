import { ensureEnvironment } from '../peers/python.ts';
import { AGENT, measureAgent } from '../peers/agent.ts';
import { instantEndpoint } from '../endpoint/instant.ts';
import { measureRunning } from '../endpoint/measure.ts';
import { ServicePlace } from '../endpoint/place.ts';
import { SdkScript } from '../endpoint/script.ts';
import type { BenchReport } from '../results.ts';
import type { Effort } from '../effort.ts';

/**
 * Python tasks of the field's SDK, through one service and one broker: with an endpoint that costs nothing, and with
 * the field's own agent.
 */
export async function endpoint(effort: Effort): Promise<Partial<BenchReport>> {
  const python = await ensureEnvironment(AGENT, effort.python, effort);
  effort.progress('starting a service with its broker');
  await using place = await ServicePlace.start(effort.directory);
  const env = place.environment(`${effort.directory}/home`);
  const limit = await (async () => {
    await using instant = await instantEndpoint(place);
    await using script = await SdkScript.start({
      python: python.python, env, endpoint: instant.id, signal: effort.signal,
    });
    return await measureRunning(script, 'an endpoint that runs nothing', effort);
  })();
  const agent = effort.peer === 'agent' ? await measureAgent(place, python, effort) : undefined;
  return { endpoint: { limit, ...agent === undefined ? {} : { agent } } };
}
