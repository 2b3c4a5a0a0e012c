// The field's own endpoint agent, from its package, as an ordinary user of this machine: root's would be another kind,
// which serves many users. Where we are root, it is put into a user namespace, in which root is nobody.

import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ComputeError } from '../../src/common/errors.ts';
import { exec, type Output } from '../../src/common/exec.ts';

export interface AgentOptions {
  /** The folder of its programs: `bin` of a virtual environment. */
  readonly bin: string;
  /** It is all that the agent's processes have; says where the service is and who the user is. */
  readonly env: Readonly<Record<string, string>>;
  /** Its home: files, logs, and the mark by which its processes are known. */
  readonly home: string;
  /** The template of its user endpoints' configuration. */
  readonly template: string;
  /** Lines of its own configuration. */
  readonly config?: string;
}

const NAME = 'agent';
const COMMAND_MS = 60_000;
const GONE_MS = 10_000;
const LOOK_MS = 20;

export class FieldAgent implements AsyncDisposable {
  readonly #options: AgentOptions;

  private constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** By its own command; it is not started. */
  static async configure(options: AgentOptions): Promise<FieldAgent> {
    const agent = new FieldAgent(options);
    await mkdir(options.home, { recursive: true });
    await agent.must('configure', NAME);
    await writeFile(join(agent.directory, 'user_config_template.yaml.j2'), options.template);
    if (options.config !== undefined) await writeFile(join(agent.directory, 'config.yaml'), options.config);
    return agent;
  }

  get directory(): string {
    return join(this.#options.home, '.globus_compute', NAME);
  }

  /** As it was registered, once it is. */
  get id(): string | undefined {
    try {
      const text = readFileSync(join(this.directory, 'endpoint.json'), 'utf8');
      return (JSON.parse(text) as { endpoint_id: string }).endpoint_id;
    } catch {
      return undefined; // it has not written it, or is writing it
    }
  }

  /** What it said when it was started. */
  output(): string {
    return readFileSync(join(this.#options.home, 'output.log'), 'utf8');
  }

  /** Leaves it to register by itself; what it says goes to `output.log` in its home. */
  start(): void {
    const output = openSync(join(this.#options.home, 'output.log'), 'a');
    const [file, ...args] = this.#argv('start', [NAME]);
    spawn(file, args, { env: this.#env(), stdio: ['ignore', output, output], detached: true }).unref();
    closeSync(output);
  }

  async stop(): Promise<void> {
    await this.must('stop', NAME);
  }

  /** One of its commands, whatever comes of it. */
  command(name: string, ...words: string[]): Promise<Output> {
    return exec(this.#argv(name, words), { timeoutMs: COMMAND_MS, env: this.#env() });
  }

  async must(name: string, ...words: string[]): Promise<void> {
    const { code, stdout, stderr } = await this.command(name, ...words);
    if (code === 0) return;
    throw new ComputeError('COMMAND_FAILED', `globus-compute-endpoint ${name} ended with ${code}: ${stdout}${stderr}`);
  }

  /** The process that starts user endpoints, while it runs. */
  get manager(): number | undefined {
    const pid = Number(textOf(join(this.directory, 'daemon.pid')));
    return textOf(`/proc/${pid}/cmdline`).startsWith('Globus Compute Endpoint') ? pid : undefined;
  }

  /** The agent, its user endpoints, their engines and workers; but not those that have given themselves a title. */
  processes(): number[] {
    // A title is written over the mark.
    const mark = `HOME=${this.#options.home}`;
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)
      .filter((pid) => textOf(`/proc/${pid}/environ`).split('\0').includes(mark));
  }

  /** As a power cut would: nobody says good-bye. */
  async crash(): Promise<void> {
    const end = performance.now() + GONE_MS;
    for (let left = this.processes(); left.length > 0; left = this.processes()) {
      if (performance.now() > end) {
        throw new ComputeError('COMMAND_FAILED', `processes of the agent do not end: ${left.join(', ')}`);
      }
      for (const pid of left) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch { /* gone already */ }
      }
      await sleep(LOOK_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.crash();
  }

  #argv(name: string, words: readonly string[]): [string, ...string[]] {
    const program = join(this.#options.bin, 'globus-compute-endpoint');
    const nobody = ['unshare', '--user', '--map-user=65534', '--map-group=65534'];
    const [first, ...rest] = [...process.getuid?.() === 0 ? nobody : [], program, name, ...words];
    return [first ?? program, ...rest];
  }

  #env(): Record<string, string> {
    const { env, bin, home } = this.#options;
    // The commands of its scheduler scripts are looked up where its interpreter is.
    const directory = join(home, '.globus_compute');
    return { ...env, HOME: home, GLOBUS_COMPUTE_USER_DIR: directory, PATH: `${bin}:${env['PATH']}` };
  }
}

/** Empty: it is not there, or somebody else's. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
