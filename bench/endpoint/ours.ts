// Our endpoint of one user, as a contender.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Effort } from '../effort.ts';
import { Closers } from '../service/closers.ts';
import type { Contender, Setting } from './measure.ts';
import { OurEndpoint } from './our-endpoint.ts';
import { SdkScript } from './script.ts';

const NAME = 'ours';

/** Registered once, and stopped. */
export async function ourContender({ place, python, config }: Setting, effort: Effort): Promise<Contender> {
  const home = join(effort.directory, NAME);
  const env = { ...place.environment(home), PATH: `${join(python.folder, 'bin')}:${process.env['PATH'] ?? ''}` };
  const file = join(home, 'config.yaml');
  await mkdir(home, { recursive: true });
  await writeFile(file, config);
  await using opened = new Closers();
  effort.progress('ours: starting');
  const endpoint = opened.use(await OurEndpoint.configure({
    name: NAME, home, env, options: ['--endpoint-config', file],
  }));
  const { endpoint_id: id } = await endpoint.start();
  const script = opened.use(await SdkScript.start({ python: python.python, env, endpoint: id, signal: effort.signal }));
  await endpoint.stop();
  const all = opened.move();
  return {
    name: NAME, runsTasks: true, script, start: async () => void await endpoint.start(), stop: () => endpoint.stop(),
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  };
}
