// Runs the tests: all files of them, or those that are named. Three at a time on two cores, with real servers, some
// process now and then comes later than a test can wait. So what fails beside others is run again by itself: what fails
// twice has failed, and what needed the second time is named. Where much fails, nothing is run again.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec as Spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const FILES_AT_ONCE = 3;
const RUN_AGAIN_MAX = 3;

const named = process.argv.slice(2);
const failed = await failedOf(named.length > 0 ? named : allTests(), FILES_AT_ONCE);
if (failed.length > 0 && failed.length <= RUN_AGAIN_MAX) {
  process.stdout.write(`\nThese failed beside others, and run again by themselves:\n${listed(failed)}`);
  const again = await failedOf(failed, 1);
  const notBySelf = failed.filter((file) => !again.includes(file));
  if (notBySelf.length > 0) process.stdout.write(`\nFailed beside others, not by themselves:\n${listed(notBySelf)}`);
  if (again.length > 0) end(again);
} else if (failed.length > 0) end(failed);

/** Those of the files that did not pass. */
async function failedOf(files: readonly string[], concurrency: number): Promise<string[]> {
  const failures = new Set<string>();
  const events = run({ files: [...files], concurrency });
  events.on('test:fail', ({ file, todo }) => {
    if (todo === undefined) failures.add(file ?? 'a test that does not say where it is');
  });
  // What a machine for checks does not run is not checked.
  events.on('test:pass', ({ file, skip }) => {
    if (skip !== undefined && process.env['CI'] !== undefined) failures.add(file ?? 'a test that was skipped');
  });
  const shown = events.compose(new Spec());
  shown.pipe(process.stdout, { end: false });
  await finished(shown);
  return [...failures].sort();
}

function allTests(): string[] {
  const folder = fileURLToPath(new URL('.', import.meta.url));
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.js')).map((path) => join(folder, path)).sort();
}

function listed(files: readonly string[]): string {
  return files.map((file) => `  ${file}\n`).join('');
}

function end(files: readonly string[]): void {
  process.stdout.write(`\nFailed:\n${listed(files)}`);
  process.exitCode = 1;
}
