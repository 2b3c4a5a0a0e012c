// PROCESS: runs one job of the stand-in as a node's daemon does, and tells the server how it ended.
//
// A login shell in a session of its own reads the script's path from its stdin and runs it. An order to end goes to
// every process of the session at once, so it ends the shell, and with the shell's end all that is left is killed.

import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { durationText, seconds } from '../qsub.ts';
import type { Job, State } from '../records.ts';
import { finish, nodesOf, now } from '../server.ts';
import { change, readState } from '../store.ts';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const [folder = '', id = ''] = process.argv.slice(2);
const spool = join(folder, 'spool', id);

const { settings, jobs } = readState(folder);
const job = jobs[id];
if (job === undefined) throw new Error(`no job ${id}`);
let ended = false;
let exitStatus: number | undefined;

const shell = start(job);
process.on('SIGUSR1', () => terminate());
shell.once('exit', (code, signal) => void end(exitStatus ?? (signal === null ? code ?? 0
  : 256 + constants.signals[signal])));
update((own, state) => {
  own.mom = { pid: process.pid };
  own.substate = 42;
  own.sessionId = shell.pid ?? 0;
  own.jobdir = state.settings.home;
  own.used = usage(own);
  // An order that came before anybody could be told of it.
  if (own.deletedBy !== undefined) terminate();
});
const limitS = job.resources['walltime'];
if (limitS !== undefined) watchWalltime(seconds(limitS));

function start(own: Job): ChildProcess {
  mkdirSync(join(spool, 'aux'), { recursive: true });
  const nodeFile = join(spool, 'aux', 'nodes');
  writeFileSync(nodeFile, nodesOf(own).map((name) => `${name}\n`).join(''));
  const files = ['out', 'err'].map((name) => openSync(join(spool, name), 'a', 0o600));
  const child = spawn('/bin/bash', [], {
    argv0: '-bash', detached: true, cwd: settings.home, stdio: ['pipe', files[0] ?? 'ignore', files[1] ?? 'ignore'],
    env: {
      HOME: settings.home, USER: settings.user, LOGNAME: settings.user, SHELL: '/bin/bash', PATH: process.env['PATH'],
      ...Object.fromEntries(Object.entries(own.variables).map(([key, value]) => [key, value.replace(/\\(.)/g, '$1')])),
      PBS_ENVIRONMENT: 'PBS_BATCH', PBS_JOBCOOKIE: '2DA8E3111F6618462D768C9D0B47CB93', PBS_JOBDIR: settings.home,
      PBS_JOBID: own.id, PBS_JOBNAME: own.name, PBS_MOMPORT: '15003', PBS_NODEFILE: nodeFile, PBS_NODENUM: '0',
      PBS_QUEUE: own.queue, PBS_TASKNUM: '1', TMPDIR: process.env['TMPDIR'], ...settings.environment,
    },
  });
  const command = own.command === undefined ? join(spool, 'script') : own.command.map(quoted).join(' ');
  child.stdin?.on('error', () => { /* it ended before it read: its status tells */ });
  child.stdin?.end(own.command === undefined ? `${quoted(command)}\n` : `${command}\n`);
  return child;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function watchWalltime(limit: number): void {
  const startedMs = Date.now();
  const look = setInterval(() => {
    const usedS = Math.floor((Date.now() - startedMs) / 1000);
    if (usedS <= limit || ended) return;
    clearInterval(look);
    exitStatus = -29;
    const words = `=>> PBS: job killed: walltime ${usedS} exceeded limit ${limit}\n`;
    writeFileSync(join(spool, 'err'), words, { flag: 'a' });
    terminate();
  }, settings.walltimeLookMs);
  shell.once('exit', () => clearInterval(look));
}

function terminate(): void {
  signalSession('SIGTERM');
  const later = setTimeout(() => signalSession('SIGKILL'), settings.killDelayMs);
  shell.once('exit', () => clearTimeout(later));
}

/** Every process of the job's session, whatever its group. Whoever began a session of his own is not found. */
function signalSession(signal: NodeJS.Signals): void {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'latin1');
      const session = text.slice(text.lastIndexOf(')') + 2).split(' ')[3];
      if (Number(session) === shell.pid) process.kill(Number(name), signal);
    } catch { /* it ended in this moment */ }
  }
}

async function end(status: number): Promise<void> {
  ended = true;
  signalSession('SIGKILL');
  update((own) => {
    own.state = 'E';
    own.substate = 51;
    own.exitStatus = status;
    own.used = usage(own);
    own.mtime = now();
  });
  const { exitingMs } = readState(folder).settings;
  await new Promise((resolve) => setTimeout(resolve, exitingMs));
  bringHome('out', job?.outputPath ?? '');
  bringHome('err', job?.errorPath ?? '');
  update((own, state) => finish(state, own, status));
  rmSync(spool, { recursive: true, force: true });
  spawn(process.execPath, [MAIN, folder, 'schedule'], { detached: true, stdio: 'ignore' }).unref();
}

function bringHome(name: string, place: string): void {
  const path = place.slice(place.indexOf(':') + 1);
  try {
    if (path !== '/dev/null') copyFileSync(join(spool, name), path);
  } catch { /* the folder is gone: the server would write a mail */ }
}

function usage(own: Job): Record<string, string> {
  return {
    cpupercent: '0', cput: '00:00:00', mem: '0kb', ncpus: own.resources['ncpus'] ?? '1', vmem: '0kb',
    walltime: durationText(now() - (own.stime ?? now())),
  };
}

/** Unless the job is forgotten: its node lost its power, and the server knows. */
function update(work: (own: Job, state: State) => void): void {
  change(folder, (state) => {
    const own = state.jobs[id];
    if (own !== undefined && own.state !== 'F' && own.state !== 'Q') work(own, state);
  });
}
