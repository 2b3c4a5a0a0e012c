// Runs the tests: all files of them, or those that are named. What failed is named again at the end, where people and
// machines look first.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec as Spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const FILES_AT_ONCE = 3;

const named = process.argv.slice(2);
const failed = await failedOf(named.length > 0 ? named : allTests());
if (failed.length > 0) {
  process.stdout.write(`\nFailed:\n${failed.map((file) => `  ${file}\n`).join('')}`);
  process.exitCode = 1;
}

/** Those of the files that did not pass. */
async function failedOf(files: readonly string[]): Promise<string[]> {
  const failures = new Set<string>();
  const events = run({ files: [...files], concurrency: FILES_AT_ONCE });
  events.on('test:fail', ({ file }) => failures.add(file ?? 'a test that does not say where it is'));
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
