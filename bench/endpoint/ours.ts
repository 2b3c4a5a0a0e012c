// Our endpoint as its user has it: configured, started and stopped from the command line.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ComputeError } from '../../src/common/errors.ts';
import { exec } from '../../src/common/exec.ts';
import type { Effort } from '../effort.ts';
import { Closers } from '../service/closers.ts';
import type { Contender, Setting } from './measure.ts';
import { SdkScript } from './script.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const NAME = 'ours';
/** Longer than the command gives an endpoint that does not end by itself. */
const COMMAND_MS = 200_000;

/** Registered once, and stopped. */
export async function ourContender({ place, python, config }: Setting, effort: Effort): Promise<Contender> {
  const home = join(effort.directory, NAME);
  const env = { ...place.environment(home), PATH: `${join(python.folder, 'bin')}:${process.env['PATH'] ?? ''}` };
  await using opened = new Closers();
  effort.progress('ours: starting');
  const endpoint = opened.use(await OurEndpoint.configure(home, env, config));
  const id = await endpoint.start();
  const script = opened.use(await SdkScript.start({ python: python.python, env, endpoint: id, signal: effort.signal }));
  await endpoint.stop();
  const all = opened.move();
  return {
    name: NAME, script, start: async () => void await endpoint.start(), stop: () => endpoint.stop(),
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  };
}

class OurEndpoint implements AsyncDisposable {
  readonly #home: string;
  readonly #env: Readonly<Record<string, string>>;
  #starting: Promise<unknown> = Promise.resolve();

  private constructor(home: string, env: Readonly<Record<string, string>>) {
    this.#home = home;
    this.#env = env;
  }

  static async configure(home: string, env: Readonly<Record<string, string>>, config: string): Promise<OurEndpoint> {
    await mkdir(home, { recursive: true });
    const file = join(home, 'config.yaml');
    await writeFile(file, config);
    const endpoint = new OurEndpoint(home, env);
    await endpoint.#must('configure', '--endpoint-config', file);
    return endpoint;
  }

  /** Resolves to its id, when it serves. */
  async start(): Promise<string> {
    const started = this.#must('start', '--json');
    this.#starting = started.catch(() => { /* whoever starts it is told */ });
    return (JSON.parse(await started) as { endpoint_id: string }).endpoint_id; // the form of our own command's answer
  }

  async stop(): Promise<void> {
    // One that is still starting would not be found, and stay.
    await this.#starting;
    await this.#must('stop');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #must(command: string, ...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await exec([process.execPath, MAIN, 'endpoint', command, NAME, ...words], {
      timeoutMs: COMMAND_MS, cwd: this.#home, env: { ...this.#env },
    });
    if (code === 0) return stdout;
    throw new ComputeError('COMMAND_FAILED', `switchyard endpoint ${command} ended with ${code}: ${stdout}${stderr}`);
  }
}
