// The house rules as a test. It reads the sources, not the build.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { RULES, roomOf, type Source } from './house-rules.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const FOLDERS = ['src', 'engine', 'providers', 'launchers', 'test', 'bench', 'examples', 'docs', '.ci'];
const FILES = ['README.md', 'ARCHITECTURE.md', 'package.json', 'tsconfig.json', '.oxlintrc.json'];

test('the sources keep the rules of the house', () => {
  const sources = readSources();
  assert.ok(sources.length > 20 && sources.every(({ path }) => roomOf(path) !== undefined || !path.endsWith('.ts')));
  const violations = Object.entries(RULES).flatMap(([name, rule]) => rule(sources).map((one) => `${one}  [${name}]`));
  assert.ok(violations.length === 0, `${violations.length} violations\n${violations.join('\n')}`);
});

test('every test that a document names is there', () => {
  for (const [path, atLeast] of [['ARCHITECTURE.md', 20], ['docs/security.md', 50]] as const) {
    const lines = readFileSync(root + path, 'utf8').split('\n').filter((line) => line.startsWith('| '));
    const named = lines.flatMap((line) => [...(line.split(' | ').at(-1) ?? '')
      .matchAll(/\b(?:unit|process|contract|site)\/[a-z][a-z/-]*/g)].map(([name]) => name));
    assert.ok(named.length >= atLeast, `${path} names ${named.length}`);
    assert.deepEqual(named.filter((name) => ![`${name}.test.ts`, `${name}.ts`, name]
      .some((file) => existsSync(`${root}test/${file}`))), [], path);
  }
});

test('each rule finds what it forbids', () => {
  const cases: [rule: string, expected: RegExp, path: string, text: string][] = [
    ['imports', /may not import src\/sdk/, 'engine/a.ts', "import {\n  b,\n} from '../src/sdk/index.ts';"],
    ['imports', /may not import engine\/worker/, 'engine/manager/a.ts', "import type { B } from '../worker/load.ts';"],
    ['imports', /imports a main\.ts/, 'test/a.test.ts', "import '../src/cli/main.ts';"],
    ['imports', /outside of its seam/, 'engine/link.ts', "import * as zmq from 'zeromq';"],
    ['imports', /no seam is named/, 'src/cli/a.ts', "import x from '@scope/name/deep';"],
    ['imports', /which is not there/, 'src/cli/a.ts', "export { x } from './gone.ts';"],
    ['cycles', /cycle: src\/sdk\/index\.ts → src\/sdk\/a\.ts → src/, 'src/sdk/a.ts', "import { a } from './index.ts';"],
    ['lengths', /more than 300 lines/, 'src/sdk/b.ts', '\n'.repeat(300)],
    ['lengths', /:1 121 columns/, 'src/sdk/b.ts', 'x'.repeat(121)],
    ['lengths', /:2 the function has 61 lines/, 'src/sdk/b.ts', LONG_METHOD],
    ['lengths', /:1 the function has 63 lines/, 'src/sdk/b.ts', LONG_FUNCTION],
    ['names', /a name that says nothing/, 'engine/utils.ts', ''],
    ['names', /a name that says nothing/, 'engine/common/x.ts', ''],
    ['names', /is new in src\/common/, 'src/common/strings.ts', ''],
    ['code', /a default export/, 'src/sdk/b.ts', 'export default 1;'],
    ['code', /:2 reads the environment/, 'src/sdk/b.ts', '// process.env\nconst { HOME } = process.env;'],
    ['code', /time in a file that only decides/, 'engine/blocks/table.ts', 'const now = Date.now();'],
    ['words', /says registry/, 'README.md', ['https://registry.', 'npmjs.org'].join('')],
    ['words', /a reminder without a reason/, 'src/sdk/b.ts', ['// TO', 'DO'].join('')],
  ];
  for (const [rule, expected, path, text] of cases) {
    const found = RULES[rule]?.([...innocent, { path, lines: text.split('\n') }]);
    assert.match(found?.join('\n') ?? '', expected);
    assert.equal(found?.length, 1, found?.join('\n'));
  }
});

test('the rules find nothing where all is well', () => {
  for (const rule of Object.values(RULES)) assert.deepEqual(rule(innocent), []);
});

const LONG_METHOD = `class A {\n  async run(a: B<C>): Promise<void> {${'\n    a;'.repeat(59)}\n  }\n}`;
const LONG_FUNCTION = `const f = (\n  a: B,\n): C => {${'\n  a;'.repeat(59)}\n};`;

const innocent: readonly Source[] = [
  { path: 'src/sdk/index.ts', lines: ["export { a } from './a.ts';", "import { b } from '../common/quote.ts';"] },
  { path: 'src/sdk/a.ts', lines: ["import { Engine } from '../../engine/engine.ts';", 'if (Engine) {', '  a();', '}'] },
  { path: 'src/common/quote.ts', lines: ["import { x } from 'node:fs';"] },
  { path: 'src/cli/main.ts', lines: ["import { Command } from 'commander';", 'process.env.HOME;'] },
  { path: 'engine/engine.ts', lines: ['/* Date.now( */', '// export default 1'] },
  { path: 'engine/worker/load.ts', lines: [''] },
  { path: 'engine/worker/main.ts', lines: ['export default 1;'] },
];

function readSources(): Source[] {
  const inFolders = FOLDERS.filter((folder) => existsSync(root + folder)).flatMap((folder) => {
    return readdirSync(root + folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.length));
  });
  const paths = [...inFolders, ...FILES.filter((file) => existsSync(root + file))];
  return paths.map((path) => ({ path, lines: readFileSync(root + path, 'utf8').replace(/\n$/, '').split('\n') }));
}
