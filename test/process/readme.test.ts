// What the README prints has to work as it is printed.

import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { exec } from '../../src/common/exec.ts';
import { scratch } from '../fakes/scratch.ts';
import { homeIn, switchyard } from './command.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const OPTIONS = ['--strict', '--skipLibCheck', '--target', 'es2023', '--module', 'nodenext',
  '--lib', 'es2023,esnext.disposable,dom'];
const TIMEOUT_MS = 120_000;

/** A fenced block of this language, by its place among them. */
async function printed(language: string, index = 0): Promise<string> {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const block = [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))][index]?.[1];
  assert.ok(block !== undefined, `the README has no ${language} block ${index + 1}`);
  return block;
}

async function node(cwd: string, ...args: string[]): Promise<string[]> {
  const argv = [process.execPath, ...args] as const;
  const { code, stdout, stderr } = await exec([...argv], { timeoutMs: TIMEOUT_MS, cwd, env: homeIn(cwd) });
  assert.equal(code, 0, `${argv.join(' ')}: ${stdout}${stderr}`);
  return stdout.trim().split('\n');
}

test('the TypeScript of the README compiles as it stands and does what it says', async () => {
  await using folder = await scratch();
  await mkdir(folder.at('node_modules'));
  await symlink(ROOT, folder.at('node_modules/switchyard'));
  await copyFile(join(ROOT, 'examples/digest-files/digest.mjs'), folder.at('digest.mjs'));
  await writeFile(folder.at('package.json'), '{ "type": "module" }');
  await writeFile(folder.at('example.ts'), [
    'const paths = ["digest.mjs", "package.json"];', await printed('ts'),
    'console.log(JSON.stringify({ lengths, exitCode, stdout }));',
  ].join('\n'));
  await node(folder.path, TSC, ...OPTIONS, 'example.ts');
  const lines = await node(folder.path, 'example.js');
  assert.equal(lines.filter((line) => /^[0-9a-f]{64}$/.test(line)).length, 2, lines.join('\n'));
  const last = JSON.parse(lines.at(-1) ?? '') as { lengths: number[]; exitCode: number; stdout: string };
  assert.deepEqual([last.lengths, last.exitCode], [[1, 2], 0]);
  assert.ok(Number(last.stdout) > 0, last.stdout);
});

test('the TypeScript of the README for endpoints compiles as it stands', async () => {
  await using folder = await scratch();
  await mkdir(folder.at('node_modules'));
  await symlink(ROOT, folder.at('node_modules/switchyard'));
  await writeFile(folder.at('package.json'), '{ "type": "module" }');
  await writeFile(folder.at('example.ts'), `declare const endpointId: string;\n${await printed('ts', 1)}`);
  const compiling = [...OPTIONS, '--exactOptionalPropertyTypes', '--noEmit', 'example.ts'];
  assert.deepEqual(await node(folder.path, TSC, ...compiling), ['']);
});

test('the engine file of the README runs tasks', async () => {
  await using folder = await scratch();
  await writeFile(folder.at('engine.yaml'), await printed('yaml'));
  const { status, stderr } = await switchyard(
    ['run', '--command', 'echo {}', '--count', '3', '--engine', 'engine.yaml', '--output', 'results.jsonl', '--quiet'],
    { cwd: folder.path },
  );
  assert.equal(status, 0, stderr);
  assert.equal((await readFile(folder.at('results.jsonl'), 'utf8')).trim().split('\n').length, 3);
});
