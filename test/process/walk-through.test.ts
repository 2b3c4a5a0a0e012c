// The README's way from nothing to a result of the field's own Python SDK: its commands, as they are printed.

import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pythonFolder } from '../../bench/endpoint/place.ts';
import { exec } from '../../src/common/exec.ts';
import { pythonVenv, SDK_VERSION } from '../python-venv.ts';
import { homeIn, MAIN, start } from './command.ts';
import { processesOf, until, within, withRun } from './harness.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const HEADING = '## From nothing to `hello_from_node`\n';
const START_MS = 120_000;
const BLOCK_MS = 240_000;
const END_MS = 60_000;

test('from nothing to hello_from_node, and nothing is left', async () => {
  const [install = '', service = '', work = '', stop = ''] = await printedBlocks();
  assert.ok(install.includes(`globus-compute-sdk==${SDK_VERSION}`), install);
  await withRun(async (directory) => {
    await installed(directory);
    const [program, ...args] = service.trim().split(' ');
    assert.equal(program, 'switchyard');
    // As it is printed it takes port 5000, which may be somebody else's.
    await using running = start([...args, '--port', '0'], { cwd: directory });
    const url = await until('the service', () => {
      assert.equal(running.child.exitCode, null, running.texts.stderr);
      return /^The service listens at (\S+)\n$/.exec(running.texts.stdout)?.[1];
    }, START_MS);
    const type = (text: string): Promise<string> => typed(text, directory, url);
    const said = await type(work);
    assert.match(said, /^Logged in to \S+ as alice@example\.org\nCreated profile for endpoint named mine\n/);
    assert.match(said, /\nHello Alice from \S+ at .*!\n$/);
    assert.match(await type('switchyard endpoint list'), / Running .* mine\n$/);
    assert.equal(await type(stop), 'Endpoint mine is now stopped\n');
    running.child.kill('SIGINT');
    const { status, stderr } = await within(END_MS, 'the end of the service', running.ended);
    assert.equal(status, 0, stderr);
    await until('the end of the broker', () => processesOf(directory).length === 0);
  });
});

/** What the section's blocks of commands say. */
async function printedBlocks(): Promise<string[]> {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const from = readme.indexOf(HEADING);
  assert.ok(from >= 0, `the README has no section ${HEADING}`);
  const section = readme.slice(from, readme.indexOf('\n## ', from));
  return [...section.matchAll(/```sh\n([^]*?)```/g)].map(([, text = '']) => text);
}

/** What the first block leaves: the program, and an environment with the SDK; in a place that looks like a clone. */
async function installed(directory: string): Promise<void> {
  const program = join(directory, 'bin', 'switchyard');
  await mkdir(dirname(program));
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  await chmod(program, 0o755);
  await symlink(dirname(dirname((await pythonVenv()).python)), join(directory, 'venv'));
  await symlink(join(ROOT, 'test'), join(directory, 'test'));
}

/** Standard output; of a service that has another port than the one that is printed. */
async function typed(text: string, directory: string, url: string): Promise<string> {
  const commands = text.replaceAll('http://localhost:5000', url);
  const home = homeIn(directory);
  const { code, stdout, stderr } = await exec(['bash', '-euo', 'pipefail', '-c', commands], {
    timeoutMs: BLOCK_MS, cwd: directory, env: {
      ...home, PATH: `${join(directory, 'bin')}:${home['PATH'] ?? ''}`, SWITCHYARD_SERVICE_URL: url,
      PYTHONPATH: pythonFolder(), PYTHONDONTWRITEBYTECODE: '1',
    },
  });
  assert.equal(code, 0, `${text}\n${stdout}${stderr}`);
  return stdout;
}
