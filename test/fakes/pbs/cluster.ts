// A stand-in for a PBS cluster: a folder with its state, and one with commands to put first on the PATH.

import { execFile, type ExecFileException } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quote } from '../../../src/common/quote.ts';
import { recordedSite, type Job, type Settings, type State } from './records.ts';
import { loseNode, nodesOf } from './server.ts';
import { change, readState, writeState } from './store.ts';

const MAIN = fileURLToPath(new URL('main.js', import.meta.url));
const COMMANDS = ['qsub', 'qstat', 'qselect', 'qdel'];
/** Commands print times of a zone where nobody expects them, unless they are asked otherwise. */
const ZONE = 'America/New_York';

export interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  readonly timeoutMs?: number;
}

export class PbsCluster implements AsyncDisposable {
  /** To put first on the PATH. */
  readonly bin: string;
  readonly #folder: string;

  /** `directory`: an empty folder of its own, which is the user's home, too. */
  constructor(directory: string, settings: Partial<Settings> = {}) {
    this.#folder = join(directory, 'pbs');
    this.bin = join(directory, 'bin');
    mkdirSync(this.#folder, { recursive: true });
    mkdirSync(this.bin);
    writeState(this.#folder, {
      settings: { ...recordedSite(), home: directory, ...settings }, nextNumber: 1, jobs: {},
    });
    for (const name of COMMANDS) {
      const words = [process.execPath, MAIN, this.#folder, name].map(quote).join(' ');
      const script = `#!/bin/sh\nexport TZ="\${TZ:-${ZONE}}"\nexec ${words} "$@"\n`;
      writeFileSync(join(this.bin, name), script, { mode: 0o755 });
    }
  }

  get state(): State {
    return readState(this.#folder);
  }

  /** Jobs that have not ended. */
  open(): Job[] {
    return Object.values(this.state.jobs).filter(({ state }) => state !== 'F');
  }

  /** What an administrator or the world does. */
  change(work: (state: State) => void): void {
    change(this.#folder, work);
  }

  set(settings: Partial<Settings>): void {
    this.change((state) => Object.assign(state.settings, settings));
  }

  /** One of the stand-in's commands. */
  run(name: string, argv: readonly string[], options: RunOptions = {}): Promise<Run> {
    return new Promise((resolve) => {
      const child = execFile(join(this.bin, name), argv, {
        cwd: options.cwd, timeout: options.timeoutMs, killSignal: 'SIGKILL',
        env: { PATH: process.env['PATH'], TZ: process.env['TZ'], ...options.environment },
      }, (error: ExecFileException | null, stdout, stderr) => {
        const code = error?.code;
        resolve({ exitCode: error === null ? 0 : typeof code === 'number' ? code : -1, stdout, stderr });
      });
      child.stdin?.on('error', () => { /* it did not read it */ });
      child.stdin?.end(options.stdin ?? '');
    });
  }

  /** A pass of the scheduler after something was changed by hand. */
  async schedule(): Promise<void> {
    await new Promise<void>((resolve) => {
      execFile(process.execPath, [MAIN, this.#folder, 'schedule'], () => resolve());
    });
  }

  /** Jobs held by their user may run. */
  async release(): Promise<void> {
    this.change((state) => {
      for (const job of Object.values(state.jobs)) {
        if (job.state === 'H') Object.assign(job, { state: 'Q', substate: 10, holdTypes: 'n', etime: job.ctime });
      }
    });
    await this.schedule();
  }

  /** The job's own processes, its daemon not among them. */
  processes(job: Job): number[] {
    const { sessionId } = this.state.jobs[job.id] ?? job;
    return sessionId === undefined ? [] : everyProcess().filter(([, session]) => session === sessionId)
      .map(([pid]) => pid);
  }

  /** A node loses its power: nobody hears of its jobs any more. */
  powerOff(node: string): void {
    const doomed = this.open().filter((job) => nodesOf(job).includes(node));
    for (const job of doomed) this.#kill(job);
    this.change((state) => void loseNode(state, node));
  }

  #kill(job: Job): void {
    for (const pid of [...job.mom === undefined ? [] : [job.mom.pid], ...this.processes(job)]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch { /* it ended in this moment */ }
    }
  }

  /** No job and no process is left behind, whatever a test did. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.set({ health: 'down', scheduling: false });
    for (let round = 0; round < 200; round += 1) {
      for (const job of this.open()) this.#kill(job);
      if (!everyProcess().some(([, , command]) => command.includes(this.#folder))) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`processes of ${this.#folder} do not end`);
  }
}

/** Pid, session and command line of everything that runs. */
function everyProcess(): [pid: number, session: number, command: string][] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'latin1');
      const [state = '', , , session = ''] = text.slice(text.lastIndexOf(')') + 2).split(' ');
      const command = readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ');
      return 'ZX'.includes(state) ? [] : [[Number(name), Number(session), command]];
    } catch {
      return []; // it ended in this moment
    }
  });
}
