// PROCESS: qsub, qstat, qselect and qdel of the stand-in: `main.js FOLDER COMMAND ARG…`.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { del } from './qdel.ts';
import { read, Refusal } from './qsub.ts';
import { select, stat } from './qstat.ts';
import type { Job } from './records.ts';
import { schedule } from './server.ts';
import { change, readState } from './store.ts';

const MOM = fileURLToPath(new URL('mom/main.js', import.meta.url));
const HUNG_LOOK_MS = 20;

const [folder = '', command = '', ...argv] = process.argv.slice(2);

if (argv[0] === '--version') {
  process.stdout.write('pbs_version = 23.06.06\n');
} else {
  await untilAnswered();
  try {
    process.exitCode = perform();
    if (readState(folder).settings.health === 'mute') await new Promise(() => setInterval(() => undefined, 60_000));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    process.stderr.write(error.message);
    process.exitCode = error.exitCode;
  }
}

async function untilAnswered(): Promise<void> {
  while (readState(folder).settings.health === 'hung') {
    await new Promise((resolve) => setTimeout(resolve, HUNG_LOOK_MS));
  }
}

function perform(): number {
  switch (command) {
    case 'qsub':
      return submit();
    case 'qstat':
      return print(stat(readState(folder), argv));
    case 'qselect':
      return print(select(readState(folder), argv));
    case 'qdel':
      return print(change(folder, (state) => del(state, argv)));
    case 'schedule':
      return cycle();
    default:
      throw new Error(`no command ${command}`);
  }
}

function submit(): number {
  const stdin = (): string => readFileSync(0, 'utf8');
  const submission = read({ argv, stdin, cwd: process.cwd(), environment: process.env });
  const { health, server } = readState(folder).settings;
  if (health === 'down') {
    throw new Refusal(162, `Connection refused\nqsub: cannot connect to server ${server} (errno=15010)\n`);
  }
  const { id } = change(folder, submission.make);
  mkdirSync(join(folder, 'spool', id), { recursive: true });
  writeFileSync(join(folder, 'spool', id, 'script'), submission.script, { mode: 0o700 });
  cycle();
  if (readState(folder).settings.health !== 'mute') process.stdout.write(`${id}\n`);
  return 0;
}

/** A pass of the scheduler: whoever changed something asks for one. */
function cycle(): number {
  const started: Job[] = change(folder, schedule);
  for (const { id } of started) {
    spawn(process.execPath, [MOM, folder, id], { detached: true, stdio: 'ignore' }).unref();
  }
  return 0;
}

interface Said {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
  readonly signals?: readonly number[];
}

function print({ stdout, stderr, exitCode, signals = [] }: Said): number {
  for (const pid of signals) {
    try {
      process.kill(pid, 'SIGUSR1');
    } catch { /* the job ended in this moment */ }
  }
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  return exitCode;
}
