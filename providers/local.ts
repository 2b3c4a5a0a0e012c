// Blocks on this machine: a job is a session of its own, with a shell as its leader that outlives the job's script and
// leaves the exit status in a file. What a job is and how it ended is on disk, so a later process can ask, too.
//
//   <folder>/<name>.sh .out .err   the script and what it printed
//   <folder>/<name>.exit           its exit status, once it ended
//   <folder>/<name>.cancelled      somebody asked for its end
//   <directory>/<job id>.json      where all that is

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, open, readFile, readdir } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../src/common/clock.ts';
import { ComputeError } from '../src/common/errors.ts';
import { killGroup } from '../src/common/exec.ts';
import { quoteAll } from '../src/common/quote.ts';
import { parser } from '../src/common/schema.ts';
import { buildLauncher, parseLauncher, type LauncherConfig } from '../launchers/index.ts';
import type { Launcher } from '../launchers/launcher.ts';
import { localHost } from './host/local.ts';
import { checkPolicy, policyProperties } from './policy.ts';
import type { BlockPolicy, Job, JobSpec, JobStatus, Preview, Provider } from './provider.ts';
import { submitScript } from './script.ts';

interface Keys extends BlockPolicy {
  readonly worker_init: string;
  /** Seconds that starting a block may take. */
  readonly cmd_timeout: number;
}

export interface LocalConfig extends Keys {
  readonly type: 'LocalProvider';
  readonly launcher: LauncherConfig;
}

const parseKeys = parser<Keys>('engine.provider', {
  type: 'object', required: [],
  properties: {
    ...policyProperties,
    worker_init: { type: 'string', default: '' },
    cmd_timeout: { type: 'number', exclusiveMinimum: 0, maximum: 3600, default: 30 },
  },
});

export function parseLocal({ launcher = {}, ...keys }: Readonly<Record<string, unknown>>): LocalConfig {
  const config: LocalConfig = { type: 'LocalProvider', ...parseKeys(keys), launcher: parseLauncher(launcher) };
  checkPolicy(config);
  return config;
}

/** How long a job may take to end after a SIGTERM. */
const CANCEL_GRACE_MS = 10_000;
const CANCEL_LOOK_MS = 250;
const STATUS_INTERVAL_MS = 5_000;
const STDERR_BYTES_MAX = 2048;

/** Stays when the job's group is asked to end, because somebody has to write down how it ended. */
const LEADER = `trap : TERM HUP INT
bash "$1"
code=$?
echo "$code" >"$2.new" && mv "$2.new" "$2"`;

interface JobRecord {
  readonly pid: number;
  /** When the leader started, in ticks since boot: tells it from a later process with its pid. */
  readonly started: string;
  readonly folder: string;
  /** Path of the job's files without their endings. */
  readonly stem: string;
}

/** What this process knows of a job. `ended` is final. */
interface Known {
  readonly record: JobRecord;
  /** The leader, if this process started it. */
  readonly child?: ChildProcess;
  /** Aborts when the leader's end was seen. */
  readonly gone: AbortController;
  ended?: JobStatus;
}

export class LocalProvider implements Provider {
  readonly type = 'LocalProvider';
  readonly statusIntervalMs = STATUS_INTERVAL_MS;
  readonly policy: BlockPolicy;
  readonly launcher: Launcher;
  readonly host = localHost;
  readonly #config: LocalConfig;
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #jobs = new Map<string, Known>();

  constructor(config: LocalConfig, deps: { readonly directory: string; readonly clock: Clock }) {
    this.policy = config;
    this.launcher = buildLauncher(config.launcher);
    this.#config = config;
    this.#directory = deps.directory;
    this.#clock = deps.clock;
  }

  async submit(spec: JobSpec): Promise<Job> {
    const stem = join(spec.folder, spec.name);
    await this.#inTime(spec.name, this.#writeScript(spec, stem));
    const known = await this.#start(spec, stem);
    const id = `${known.record.pid}-${known.record.started}`;
    this.#jobs.set(id, known);
    try {
      await this.#inTime(spec.name, localHost.write(this.#recordPath(id), JSON.stringify(known.record), 0o600));
    } catch (cause) {
      await this.cancel([id], true); // nobody but us could find it
      throw cause;
    }
    return {
      id, name: spec.name, submittedAtMs: this.#clock.now(), stdoutPath: `${stem}.out`, stderrPath: `${stem}.err`,
    };
  }

  preview(spec: JobSpec): Preview {
    const path = `${join(spec.folder, spec.name)}.sh`;
    return { submit: quoteAll(['bash', path]), path, script: this.#script(spec) };
  }

  async status(ids: readonly string[]): Promise<Map<string, JobStatus>> {
    const answers = await Promise.all(ids.map(async (id): Promise<[string, JobStatus]> => {
      const known = await this.#find(id);
      return [id, known === undefined ? { state: 'missing', reason: 'no such job' } : await observe(known)];
    }));
    return new Map(answers);
  }

  async cancel(ids: readonly string[], force = false): Promise<void> {
    await Promise.all(ids.map(async (id) => {
      const known = await this.#find(id);
      if (known === undefined || (await observe(known)).state !== 'running') return;
      await localHost.write(`${known.record.stem}.cancelled`, '', 0o600);
      if (force) {
        await destroy(known);
        return;
      }
      killGroup(known.record.pid, 'SIGTERM');
      void this.#insist(known);
    }));
  }

  watch(id: string, onEnd: () => void): void {
    const gone = this.#jobs.get(id)?.gone.signal;
    if (gone?.aborted) queueMicrotask(onEnd);
    else gone?.addEventListener('abort', onEnd, { once: true });
  }

  stderrTail(job: Job): Promise<string> {
    return localHost.excerpt(job.stderrPath, STDERR_BYTES_MAX);
  }

  async #writeScript(spec: JobSpec, stem: string): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    await localHost.write(`${stem}.sh`, this.#script(spec), 0o700);
  }

  #script({ name, folder, command }: JobSpec): string {
    const shape = { nodes: 1, managersPerNode: this.policy.nodes_per_block }; // every node of the block is this one
    return submitScript({
      name, folder, directives: [], workerInit: this.#config.worker_init, launch: this.launcher.wrap(command, shape),
    });
  }

  async #start({ name, folder }: JobSpec, stem: string): Promise<Known> {
    await using stdout = await open(`${stem}.out`, 'w', 0o600);
    await using stderr = await open(`${stem}.err`, 'w', 0o600);
    const child = spawn('/bin/sh', ['-c', LEADER, name, `${stem}.sh`, `${stem}.exit`], {
      cwd: folder, detached: true, stdio: ['ignore', stdout.fd, stderr.fd],
    });
    // In the same turn as the spawn: a leader that ends at once is neither reaped nor told of yet.
    const { pid = 0 } = child;
    const started = readProcess(pid)?.started ?? '0';
    const gone = new AbortController();
    child.once('exit', () => gone.abort());
    child.unref();
    try {
      await once(child, 'spawn');
    } catch (cause) {
      throw new ComputeError('SUBMIT_FAILED', `could not start a shell for ${name}`, { cause });
    }
    return { record: { pid, started, folder, stem }, child, gone };
  }

  /** A folder on a file system that hangs must not hang the scaler. */
  async #inTime(name: string, work: Promise<void>): Promise<void> {
    const done = new AbortController();
    const limit = this.#config.cmd_timeout;
    const late = this.#clock.sleep(limit * 1000, done.signal).then(() => {
      if (done.signal.aborted) return;
      throw new ComputeError('SUBMIT_FAILED', `could not write the files of ${name} within ${limit} s`);
    });
    try {
      await Promise.race([work, late]);
    } finally {
      done.abort();
    }
  }

  async #insist(known: Known): Promise<void> {
    for (let waited = 0; waited < CANCEL_GRACE_MS; waited += CANCEL_LOOK_MS) {
      await this.#clock.sleep(CANCEL_LOOK_MS, known.gone.signal);
      if ((await observe(known)).state !== 'running') return;
    }
    await destroy(known);
  }

  async #find(id: string): Promise<Known | undefined> {
    const known = this.#jobs.get(id);
    if (known !== undefined || !/^\d+-\d+$/.test(id)) return known;
    try {
      const record: JobRecord = JSON.parse(await readFile(this.#recordPath(id), 'utf8'));
      const found: Known = { record, gone: new AbortController() };
      this.#jobs.set(id, found);
      return found;
    } catch {
      return undefined; // no such record: not a job of ours
    }
  }

  #recordPath(id: string): string {
    return join(this.#directory, `${id}.json`);
  }
}

async function observe(known: Known): Promise<JobStatus> {
  if (known.ended !== undefined) return known.ended;
  const { child, record } = known;
  const running = child === undefined
    ? isAlive(record)
    : child.exitCode === null && child.signalCode === null;
  // The exit status is written before the leader ends, so it is looked for after.
  if (running) return { state: 'running' };
  const cancelled = await access(`${record.stem}.cancelled`).then(() => true, () => false);
  const code = await readExitCode(record);
  // Without an exit status the leader was killed, and whatever it led has nobody any more.
  if (code === undefined) await destroy(known);
  known.ended ??= endOf(code, cancelled);
  known.gone.abort();
  return known.ended;
}

function endOf(code: number | undefined, cancelled: boolean): JobStatus {
  const exit = code === undefined ? {} : { exitCode: code };
  if (cancelled) return { state: 'cancelled', ...exit };
  if (code === undefined) return { state: 'failed', reason: 'killed before it could leave an exit status' };
  return { state: code === 0 ? 'completed' : 'failed', ...exit };
}

async function readExitCode(record: JobRecord): Promise<number | undefined> {
  const text = await readFile(`${record.stem}.exit`, 'utf8').catch(() => '');
  return /^\d+\n$/.test(text) ? Number(text) : undefined;
}

/** Kills a job's processes, and the commands its managers were running, which have process groups of their own. */
async function destroy({ record }: Known): Promise<void> {
  // Another process that got the leader's pid since is not touched. Without a leader the group is what it left behind.
  const leader = readProcess(record.pid);
  if (leader === undefined || leader.started === record.started) killGroup(record.pid, 'SIGKILL');
  const folder = join(record.folder, 'groups');
  const files = await readdir(folder).catch(() => []);
  for (const file of files) {
    const text = await readFile(join(folder, file), 'utf8').catch(() => '');
    const group = /^([1-9]\d+)(?:\s|$)/.exec(text)?.[1];
    if (group !== undefined) killGroup(Number(group), 'SIGKILL');
  }
}

function isAlive(record: JobRecord): boolean {
  const found = readProcess(record.pid);
  return found !== undefined && found.started === record.started && !'ZX'.includes(found.state);
}

/** Synchronous: right after a spawn the process is there, even if it ends at once. */
function readProcess(pid: number): { readonly state: string; readonly started: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the name in parentheses, may contain anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, started] = [fields[0], fields[19]];
    return state === undefined || started === undefined ? undefined : { state, started };
  } catch {
    return undefined; // no such process
  }
}
