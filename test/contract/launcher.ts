// What every launcher promises, as one suite: its text is run by a real bash, wherever that starts managers.

import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { quoteAll } from '../../src/common/quote.ts';
import { until } from './provider.ts';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  /** Where the managers run; every node sees it. */
  readonly directory: string;
  /** SIGTERM to the shell that runs the text, and to nothing else. */
  readonly terminate: () => Promise<void>;
  readonly end: Promise<Ended>;
}

export interface LauncherSubject {
  readonly name: string;
  /** How many managers there are; at least two where the launcher starts several. */
  readonly managers: number;
  /** How many nodes they are on. */
  readonly nodes: number;
  /** Runs `before`, and then what the launcher makes of the command. */
  readonly launch: (command: string, use: (running: Running) => Promise<void>, before?: string) => Promise<void>;
}

/** `$me`: this manager's number, from 1, in the order in which they came. */
export const NUMBERED = 'me=1; until mkdir "number-$me" 2>/dev/null; do me=$((me + 1)); done\n';

export const manager = (script: string): string => quoteAll(['bash', '-c', script]);

/** Names in a folder, once there are so many that fit. */
export function arrived(directory: string, pattern: RegExp, count: number): Promise<string[]> {
  return until(`${count} files like ${String(pattern)}`, async () => {
    const names = (await readdir(directory)).filter((name) => pattern.test(name));
    return names.length >= count ? names : undefined;
  });
}

/** Time in which somebody who is wrongly to be ended would be. */
const HARM_MS = 700;

export function launcherSuite(subject: LauncherSubject): void {
  const { name, launch, managers, nodes } = subject;

  test(`${name}: the exit status is the manager's`, async () => {
    for (const code of [0, 7, 127, 130]) {
      await launch(manager(`exit ${code}`), async ({ end }) => assert.equal((await end).code, code));
    }
  });

  test(`${name}: words reach the manager as they were written`, async () => {
    const hard = `it's "quoted" $HOME \`date\` \\ * ;`;
    await launch(quoteAll(['bash', '-c', 'printf %s "$1" >said', 'manager', hard]), async ({ end, directory }) => {
      assert.equal((await end).code, 0);
      assert.equal(await readFile(join(directory, 'said'), 'utf8'), hard);
    });
  });

  test(`${name}: what a manager prints arrives, on stdout and on stderr`, () =>
    launch(manager('echo to stdout; echo to stderr >&2'), async ({ end }) => {
      const { stdout, stderr } = await end;
      assert.equal(stdout.match(/to stdout/g)?.length, managers, stdout);
      assert.equal(stderr.match(/to stderr/g)?.length, managers, stderr);
    }));

  test(`${name}: what worker_init asked of the shell does no harm to the managers`, () =>
    launch(manager('exit 3'), async ({ end }) => assert.equal((await end).code, 3), 'set -eu'));

  test(`${name}: a manager has an empty stdin, and nothing of the launcher's in its environment`, () =>
    // A site may tell MPI which networks to use, by a prolog.
    launch(manager(`cat; compgen -e | grep -E '^(PMI|OMPI_|HYDI|MPI_LOCAL|SLURM_(CPU_BIND|LABELIO|OVERLAP))' \
      | grep -v _if_include >foreign`),
      async ({ end, directory }) => {
        await end;
        assert.equal(await readFile(join(directory, 'foreign'), 'utf8'), '');
      }));

  test(`${name}: one manager for each place, side by side, on as many nodes as there are`, async () => {
    const meet = `${NUMBERED}: >"at-$(uname -n)"; until [ -e "number-${managers}" ]; do sleep 0.05; done`;
    await launch(manager(meet), async ({ end, directory }) => {
      assert.equal((await end).code, 0);
      const names = await readdir(directory);
      assert.equal(names.filter((one) => one.startsWith('number-')).length, managers);
      assert.equal(names.filter((one) => one.startsWith('at-')).length, nodes);
    });
  });

  test(`${name}: a SIGTERM to the shell is one to every manager, and to none of their commands`, async () => {
    // A command has a session of its own, and says so if it is signalled.
    const command = 'trap ": >hit-$$" TERM USR1 USR2 INT HUP; while :; do sleep 0.05; done';
    const script = `setsid bash -c '${command}' & command=$!
      trap 'sleep 0.3; kill -KILL -- "-$command"; exit 5' TERM
      : >"up-$(uname -n)-$$"; while :; do sleep 0.05; done`;
    await launch(manager(script), async ({ terminate, end, directory }) => {
      await arrived(directory, /^up-/, managers);
      await terminate();
      assert.equal((await end).code, 5);
      assert.deepEqual((await readdir(directory)).filter((one) => one.startsWith('hit-')), []);
    });
  });

  if (managers < 2) return;

  test(`${name}: the exit status is the worst of all, and one that ends early takes no other with it`, async () => {
    const script = `${NUMBERED}[ "$me" -eq 1 ] && { until [ -e die ]; do sleep 0.05; done; kill -KILL $$; }
      : >up-$me; until [ -e go ]; do sleep 0.05; done; : >survived-$me; exit 3`;
    await launch(manager(script), async ({ end, directory }) => {
      await arrived(directory, /^up-/, managers - 1);
      await writeFile(join(directory, 'die'), '');
      await new Promise((resolve) => setTimeout(resolve, HARM_MS));
      await writeFile(join(directory, 'go'), '');
      assert.equal((await end).code, 137);
      assert.equal((await readdir(directory)).filter((one) => one.startsWith('survived-')).length, managers - 1);
    });
  });
}
