// A virtual environment with the field's own SDK and agent, pinned. Made once per machine in a cache directory, by
// whichever test comes first; others wait for it. Its name says what is in it: a new pin makes a new one.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../src/common/exec.ts';
import { CACHE } from './installation.ts';

export const SDK_VERSION = '4.19.0';
const REQUIREMENTS = [`globus-compute-sdk==${SDK_VERSION}`, `globus-compute-endpoint==${SDK_VERSION}`];
const BUILD_MS = 10 * 60_000;

export interface PythonVenv {
  readonly directory: string;
  /** Its interpreter. */
  readonly python: string;
  /** A program that one of the packages brings. */
  readonly bin: (name: string) => string;
}

// flock's lock ends with the process that holds it, so a build that was killed is begun anew by the next.
const BUILD = `
set -eu
umask 022
[ ! -e "$1/complete" ] || exit 0
rm -rf "$1/venv"
"$2" -m venv "$1/venv"
directory=$1
shift 2
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check "$@"
touch "$directory/complete"
`;

let made: Promise<PythonVenv> | undefined;

/** Throws what pip said when it cannot be made. */
export function pythonVenv(): Promise<PythonVenv> {
  made ??= make();
  return made;
}

async function make(): Promise<PythonVenv> {
  const python = process.env['SWITCHYARD_TEST_PYTHON'] ?? systemPython();
  const version = (await exec([python, '--version'], { timeoutMs: 10_000 })).stdout.trim();
  const name = createHash('sha256').update([version, ...REQUIREMENTS].join('\n')).digest('hex').slice(0, 12);
  const directory = join(CACHE, `python-${name}`);
  await mkdir(directory, { recursive: true });
  const build = ['sh', '-c', BUILD, 'sh', directory, python, ...REQUIREMENTS];
  const { code, stderr, stdout } = await exec(['flock', join(directory, 'lock'), ...build], { timeoutMs: BUILD_MS });
  if (code !== 0) {
    throw new Error(`these tests need ${REQUIREMENTS.join(' and ')} in a virtual environment, and pip could not make `
      + `one with ${python} (Debian: apt-get install python3-venv; and a package index that can be reached):\n`
      + stderr + stdout);
  }
  const bin = (program: string): string => join(directory, 'venv', 'bin', program);
  return { directory, python: bin('python'), bin };
}

/** As root, tests run it as other users: who could not use a Python below root's home. */
function systemPython(): string {
  const system = '/usr/bin/python3';
  return process.getuid?.() === 0 && existsSync(system) ? system : 'python3';
}
