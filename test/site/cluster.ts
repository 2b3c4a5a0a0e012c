// A private Slurm cluster for a test file: several nodes on this machine, ordinary users, and every accident that a
// site knows. It ends with the process that started it, however that ends.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp } from 'node:fs/promises';
import { readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ComputeError } from '../../src/common/errors.ts';
import { exec, type Output } from '../../src/common/exec.ts';
import { localHost } from '../../providers/host/local.ts';
import type { Host } from '../../providers/host/host.ts';
import { installation, type Installation } from '../installation.ts';

// The scripts are not built: they are where the sources are.
const SCRIPTS = fileURLToPath(new URL('../../../test/site/slurm/', import.meta.url));
const DEADLINE_MS = 60_000;

export interface ClusterOptions {
  readonly nodes?: number;
  /** CPUs of each node. */
  readonly cpus?: number;
  /** sacct, accounts (`research` is everybody's), QOS `limited`, --clusters=switchyard. Costs some 5 s. */
  readonly accounting?: boolean;
  /** A network of its own for each node and for the head, so that cables can be cut. */
  readonly network?: boolean;
  /** Each node has its own /tmp, which then is not where test files are: those belong below `root`. */
  readonly privateTmp?: boolean;
  /** How long an ended job is listed. */
  readonly minJobAgeS?: number;
  /** How long a node may be silent. */
  readonly nodeTimeoutS?: number;
  /** Lines for slurm.conf. */
  readonly conf?: readonly string[];
}

export type UserName = 'swy-alice' | 'swy-bob';

export interface RunOptions {
  /** An ordinary user unless 'root'. */
  readonly user?: UserName | 'root';
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  readonly timeoutMs?: number;
}

type Daemon = 'slurmctld' | 'munged' | 'slurmdbd' | 'mariadbd';

export class Cluster implements AsyncDisposable {
  /** Everybody may read it, and nothing in it but the users' homes may be written by them. */
  readonly root: string;
  readonly #holder: ChildProcess;
  readonly #network: string;

  private constructor(root: string, holder: ChildProcess) {
    this.root = root;
    this.#holder = holder;
    this.#network = textOf(join(root, 'etc/network'));
  }

  /** Throws with the words of slurm-up, which say what to install. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    // The path is part of sockets' names and cannot be long.
    const root = await mkdtemp(join(realpathSync(tmpdir()), 'swy-'));
    const holder = spawn(join(SCRIPTS, 'slurm-hold'), [root, ...flagsOf(options)], { detached: true, stdio: 'pipe' });
    const ended = once(holder, 'close');
    let words = '';
    holder.stderr.on('data', (chunk: Buffer) => { words += chunk.toString(); });
    await Promise.race([once(holder.stdout, 'data'), ended]);
    if (holder.exitCode === null) return new Cluster(root, holder);
    throw new Error(`no Slurm cluster for this test: ${words.trim()}`);
  }

  /** Ends every process of the cluster and deletes its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#holder.exitCode !== null) return;
    const ended = once(this.#holder, 'exit');
    this.#holder.stdin?.end();
    await ended;
  }

  get conf(): string {
    return join(this.root, 'etc/slurm.conf');
  }

  homeOf(user: UserName): string {
    return join(this.root, 'home', user);
  }

  /** A node program and a build of this project that every user and node may read. */
  installation(): Promise<Installation> {
    return installation();
  }

  /** The words that run a command as this user where the cluster's clients run. */
  command(argv: readonly string[], options: RunOptions = {}): [string, ...string[]] {
    const { user = 'swy-alice', env = {}, cwd = user === 'root' ? this.root : this.homeOf(user) } = options;
    const own = { SLURM_CONF: this.conf, ...env };
    const setting = Object.entries(own).map(([name, value]) => `${name}=${value}`);
    const place = this.#network === '' ? [] : ['nsenter', `--net=/run/netns/${this.#network}-head`];
    if (user === 'root') return some([...place, 'env', `--chdir=${cwd}`, ...setting, ...argv]);
    return some([
      ...place, 'setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups', '--inh-caps=-all',
      'env', '--ignore-environment', `--chdir=${cwd}`, `HOME=${this.homeOf(user)}`, `USER=${user}`, `LOGNAME=${user}`,
      'SHELL=/bin/bash', 'LANG=C.UTF-8', 'PATH=/usr/local/bin:/usr/bin:/bin', ...setting, ...argv,
    ]);
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
    const { input, timeoutMs = DEADLINE_MS } = options;
    return exec(this.command(argv, options), { timeoutMs, input });
  }

  /** What a command prints; throws what it says when it fails. */
  async print(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(argv, options);
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${stderr}${stdout}`);
    return stdout.trim();
  }

  /** Where an ordinary user's providers have their commands and files. */
  host(user: UserName = 'swy-alice'): Host {
    return {
      ...localHost,
      run: (argv, { timeoutMs }) => this.run(argv, { user, timeoutMs }),
      write: async (path, text, mode) => {
        const script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"';
        const done = await this.run(['sh', '-c', script, 'sh', path, mode.toString(8)], { user, input: text });
        if (done.code !== 0) throw new ComputeError('STORAGE_FAILED', `could not write ${path}: ${done.stderr.trim()}`);
      },
    };
  }

  /** A power cut: every process of the node is gone at once. */
  async powerOff(node: string): Promise<void> {
    await this.#script('slurm-node', 'poweroff', node);
  }

  /** Boots a node, or starts its slurmd again. */
  async powerOn(node: string): Promise<void> {
    await this.#script('slurm-node', 'start', node);
  }

  /** `kill`: slurmd alone; jobs run on. `cut` and `mend` its cable, on clusters with a network. */
  async node(node: string, verb: 'kill' | 'hang' | 'wake' | 'cut' | 'mend'): Promise<void> {
    await this.#script('slurm-node', verb, node);
  }

  /** `stop`: with its state saved. `kill`: a crash. `hang`: it takes connections and does not answer. */
  async head(verb: 'stop' | 'kill' | 'hang' | 'wake', daemon: Daemon = 'slurmctld'): Promise<void> {
    await this.#script('slurm-head', verb, daemon);
  }

  /** Starts what does not run. */
  async revive(): Promise<void> {
    await this.#script('slurm-up');
  }

  /** What root's command prints on a node. */
  async onNode(node: string, argv: readonly string[]): Promise<string> {
    return this.#script('slurm-node', 'exec', node, ...argv);
  }

  async #script(name: string, ...args: readonly string[]): Promise<string> {
    const argv = some([join(SCRIPTS, name), '--root', this.root, ...args]);
    const { code, stdout, stderr } = await exec(argv, { timeoutMs: DEADLINE_MS });
    if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
    return stdout;
  }
}

/** A folder that this user owns, in the home. */
export async function folderOf(cluster: Cluster, user: UserName, name: string): Promise<string> {
  const path = join(cluster.homeOf(user), name);
  await cluster.print(['mkdir', '--parents', path], { user });
  await chmod(path, 0o755);
  return path;
}

function flagsOf(options: ClusterOptions): string[] {
  const { nodes, cpus, accounting, network, privateTmp, minJobAgeS, nodeTimeoutS, conf = [] } = options;
  const value = (flag: string, of: number | undefined): string[] => (of === undefined ? [] : [flag, String(of)]);
  return [
    ...value('--nodes', nodes), ...value('--cpus', cpus), ...value('--min-job-age', minJobAgeS),
    ...value('--node-timeout', nodeTimeoutS), ...accounting ? ['--accounting'] : [], ...network ? ['--network'] : [],
    ...privateTmp ? ['--private-tmp'] : [], ...conf.flatMap((line) => ['--conf', line]),
  ];
}

function some(words: readonly string[]): [string, ...string[]] {
  const [first = '', ...others] = words;
  return [first, ...others];
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return ''; // a cluster without a network of its own
  }
}
