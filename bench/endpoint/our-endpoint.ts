// An endpoint of ours as its owner has it: configured, started and stopped from the command line.

import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ComputeError } from '../../src/common/errors.ts';
import { exec } from '../../src/common/exec.ts';

export interface OurEndpointOptions {
  readonly name: string;
  /** The owner's; made if it is not there. */
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  /** What `configure` gets beside the name. */
  readonly options: readonly string[];
}

export interface StartedEndpoint {
  readonly endpoint_id: string;
  readonly pid: number;
}

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
/** Longer than the command gives an endpoint that does not end by itself. */
const COMMAND_MS = 200_000;

export class OurEndpoint implements AsyncDisposable {
  readonly #options: OurEndpointOptions;
  #starting: Promise<unknown> = Promise.resolve();

  private constructor(options: OurEndpointOptions) {
    this.#options = options;
  }

  static async configure(options: OurEndpointOptions): Promise<OurEndpoint> {
    await mkdir(options.home, { recursive: true });
    const endpoint = new OurEndpoint(options);
    await endpoint.#must('configure', ...options.options);
    return endpoint;
  }

  /** Resolves when it serves, in the background. */
  async start(): Promise<StartedEndpoint> {
    const started = this.#must('start', '--detach', '--json');
    this.#starting = started.catch(() => { /* whoever starts it is told */ });
    return JSON.parse(await started) as StartedEndpoint; // the form of our own command's answer
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
    const { name, home, env } = this.#options;
    const { code, stdout, stderr } = await exec([process.execPath, MAIN, 'endpoint', command, name, ...words], {
      timeoutMs: COMMAND_MS, cwd: home, env: { ...env },
    });
    if (code === 0) return stdout;
    throw new ComputeError('COMMAND_FAILED', `switchyard endpoint ${command} ended with ${code}: ${stdout}${stderr}`);
  }
}
