// `switchyard run` by an ordinary user on a test's cluster: a folder with an engine file, and what can be seen of the
// run from outside.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Output } from '../../src/common/exec.ts';
import { until } from '../process/harness.ts';
import { folderOf, type Cluster } from './cluster.ts';
import type { Keys } from './slurm-site.ts';

/** A line of the result file. */
export interface Row {
  readonly input: unknown;
  readonly ok: boolean;
  readonly value?: unknown;
  /** Only of a task that was tried more than once, or failed. */
  readonly attempts?: number;
  readonly node?: string;
}

/** What `switchyard blocks` says of one. */
export interface BlockRow {
  readonly job?: string;
  readonly state: string;
  readonly reason?: string;
  readonly managers: number;
}

export class RunPlace {
  readonly folder: string;
  readonly #cluster: Cluster;
  readonly #program: readonly string[];

  private constructor(cluster: Cluster, folder: string, program: readonly string[]) {
    this.#cluster = cluster;
    this.folder = folder;
    this.#program = program;
  }

  /** A folder of this name in the user's home. Two workers on each node, unless the engine's keys say otherwise. */
  static async make(cluster: Cluster, name: string, engine: Keys): Promise<RunPlace> {
    const folder = await folderOf(cluster, 'swy-alice', name);
    const { node, dist } = await cluster.installation();
    const place = new RunPlace(cluster, folder, [node, join(dist, 'src/cli/main.js')]);
    // JSON is YAML, too.
    const whole = { cores_per_worker: 1, max_workers_per_node: 2, ...engine };
    await place.write('site.yaml', JSON.stringify({ engine: whole }));
    return place;
  }

  async write(name: string, text: string): Promise<void> {
    await this.#cluster.run(['tee', name], { cwd: this.folder, input: text });
  }

  /** `switchyard …`, with this folder's runs. */
  say(...args: readonly string[]): Promise<Output> {
    return this.#cluster.run(this.#words(args), { cwd: this.folder, timeoutMs: RUN_MS });
  }

  /** `switchyard run …`, with this folder's engine file; results go to out.jsonl. */
  run(...args: readonly string[]): Run {
    const words = this.#words(['run', ...args, '--engine', 'site.yaml', '--output', 'out.jsonl']);
    const [file, ...rest] = this.#cluster.command(words, { cwd: this.folder });
    return new Run(spawn(file, rest, { stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  #words(args: readonly string[]): string[] {
    return [...this.#program, ...args, '--run-directory', join(this.folder, 'runs')];
  }

  async lines(name: string): Promise<string[]> {
    const text = await readFile(join(this.folder, name), 'utf8').catch(() => '');
    return text.split('\n').slice(0, -1);
  }

  async results(): Promise<Row[]> {
    return (await this.lines('out.jsonl')).map((line) => JSON.parse(line) as Row);
  }

  async blocks(): Promise<BlockRow[]> {
    const { stdout } = await this.say('blocks', '--json');
    return (JSON.parse(stdout) as { blocks: BlockRow[] }).blocks;
  }

  /** Jobs that runs of this folder asked for, and of which the scheduler said that it has them. */
  async jobs(): Promise<{ readonly asked: number; readonly had: number }> {
    const runs = await readdir(join(this.folder, 'runs')).catch(() => []);
    const noted = (await Promise.all(runs.map((run) => this.lines(join('runs', run, 'run.jsonl'))))).flat();
    const of = (type: string): number => noted.filter((line) => line.includes(`"type":"${type}"`)).length;
    return { asked: of('intended'), had: of('submitted') };
  }
}

/** A run that goes on. */
export class Run implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  #said = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#exit = once(child, 'close');
    const hear = (chunk: Buffer): void => { this.#said += chunk.toString(); };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
  }

  /** Everything that it printed so far. */
  get said(): string {
    return this.#said;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Its exit status. */
  async ended(withinMs = RUN_MS): Promise<number | null> {
    await until(`the end of a run that said\n${this.#said}`, () => !this.running, withinMs);
    await this.#exit;
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

/** Long enough for a machine that does much else. */
export const RUN_MS = 180_000;

/** `ID STATE` of every job that a user has in the queue. */
export async function queueOf(cluster: Cluster, user = 'swy-alice'): Promise<string[]> {
  const text = await cluster.print(['squeue', '--noheader', '--format=%i %T', `--user=${user}`]);
  return text.split('\n').filter((line) => line !== '');
}

export async function untilEmpty(cluster: Cluster): Promise<void> {
  await until('an empty queue', async () => (await queueOf(cluster)).length === 0, RUN_MS);
}
