import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Match } from '../../../src/supervisor/identity-mapper.ts';
import { failureOf, parseExternal } from '../../../src/supervisor/identity-external.ts';
import { isRunning, until } from '../../process/harness.ts';

const ALICE = { id: 'A1B2', username: 'alice@one.edu', name: 'The Canary' };
const RESULT = '{"DATA_TYPE": "identity_mapping_output#1.0.0", "result": [{"id": "a1b2", "output": "alice"}]}';
let directory: string;

before(async () => { directory = await mkdtemp(join(tmpdir(), 'swy-external-')); });
after(() => rm(directory, { recursive: true, force: true }));

async function ask(body: string, timeoutMs = 5_000, ...words: (string | number)[]): Promise<readonly Match[]> {
  const path = join(directory, 'mapper');
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  const mapper = parseExternal({ command: [path, ...words] }, 'the-endpoint', timeoutMs);
  return await mapper.map([ALICE], { budget: { steps: 0 }, signal: new AbortController().signal });
}

async function failure(body: string, timeoutMs?: number): Promise<string> {
  try {
    await ask(body, timeoutMs);
  } catch (error) {
    return failureOf(error);
  }
  throw new Error('it did not fail');
}

test('the command gets its words as they are, the identities on its input, and no variable of ours', async () => {
  process.env['SWY_CANARY'] = 'canary';
  const matches = await ask(`printf '%s\\n' "$@" > ${directory}/words; cat > ${directory}/input; `
    + `env > ${directory}/environment; pwd >> ${directory}/environment; echo '${RESULT}'`, 5_000, '$(id)', 'a b', 7);
  delete process.env['SWY_CANARY'];
  const [match] = matches;
  assert.deepEqual([match?.identity, match?.identityId, match?.localName], [ALICE, 'a1b2', 'alice']);
  assert.equal(await readFile(join(directory, 'words'), 'utf8'),
    '$(id)\na b\n7\n-c\n145812c8-decc-41f1-83cf-bb2a85a2a70b\n-s\nthe-endpoint\n-a\n');
  assert.deepEqual(JSON.parse(await readFile(join(directory, 'input'), 'utf8')),
    { DATA_TYPE: 'identity_mapping_input#1.0.0', identities: [ALICE] });
  const environment = await readFile(join(directory, 'environment'), 'utf8');
  assert.doesNotMatch(environment, /canary|HOME=|NODE/i);
  assert.match(environment, /^PWD=\/$/m);
});

test('no output, and an empty result, are no match', async () => {
  assert.deepEqual(await ask('cat > /dev/null'), []);
  assert.deepEqual(await ask(`echo '${RESULT.replace(/\[.*\]/, '[]')}'`), []);
});

test('what is no answer is an error that names the command and says nothing of who was asked for', async () => {
  const cases: readonly (readonly [body: string, expected: RegExp])[] = [
    ['echo no >&2; exit 3',
      /^\(IdentityMappingError\) Error mapping identities\n {2}exit code: 3\n.*mapper.*\n.*"no"$/],
    ['kill -9 $$', /exit code: none, SIGKILL/],
    ['echo nonsense', /yielded an invalid result/], ['echo "[]"', /yielded an invalid result/],
    [`echo '${RESULT.replace('output#1', 'output#2')}'`, /yielded an invalid result/],
    [`echo '${RESULT.replace('"alice"', '7')}'`, /yielded an invalid result/],
    [`echo '${RESULT.replace('a1b2', 'c3d4')}'`, /Invalid ID in result/],
    [`printf '\\033[31m%0999d' 1 >&2; exit 1`, /stderr: "\\u001b\[31m0{300,}…$/],
    ['yes "$(cat)"', /SIGPIPE|did not end|invalid result|exit code/],
  ];
  for (const [body, expected] of cases) {
    const text = await failure(body, 700);
    assert.match(text, expected);
    assert.doesNotMatch(text, /Canary|alice@/);
  }
});

test('a command that takes too long is killed with its group, and who has left that is not waited for', async () => {
  const pidIn = async (name: string): Promise<number> => Number(await readFile(join(directory, name), 'utf8'));
  const text = await failure(`setsid sh -c 'echo $$ > ${directory}/left; exec sleep 60' & sleep 61 & `
    + `echo $! > ${directory}/child; wait`, 500);
  process.kill(await pidIn('left'), 'SIGKILL'); // it is there, and nobody waited for it
  assert.match(text, /^\(TimeoutExpired\) .*mapper did not end within 0\.5 s\n {4}command: /);
  const child = await pidIn('child');
  await until('its end', () => !isRunning(child));
});

test('a command that cannot be run is an error', async () => {
  const mapper = parseExternal({ command: ['/nowhere/mapper'] }, 'e');
  const asked = mapper.map([ALICE], { budget: { steps: 0 }, signal: new AbortController().signal });
  await assert.rejects(asked, (error) => failureOf(error).startsWith('(OSError) could not start /nowhere/mapper'));
});
