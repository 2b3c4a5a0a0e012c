import assert from 'node:assert/strict';
import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import test from 'node:test';
import fc from 'fast-check';
import { shown, shownLines } from '../../../src/supervisor/audit.ts';
import { consoleLine } from '../../../src/supervisor/console-line.ts';
import { environmentIn, passedOn, userEnvironment } from '../../../src/supervisor/environment.ts';
import { mapFor, privilegesIn } from '../../../src/supervisor/privileges.ts';
import { insistOnModes, looseness, loosePath } from '../../../src/supervisor/strict-modes.ts';
import { scratch } from '../../fakes/scratch.ts';

test('an environment file is texts by name, as Python words them', () => {
  const text = 'A: 1\nB: yes\nC:\nD: "x y"\nE: [1, two]\n';
  assert.deepEqual(environmentIn(text, 'f'), {
    variables: { A: '1', B: 'True', C: 'None', D: 'x y', E: '[1,"two"]' }, problems: [],
  });
  assert.deepEqual(environmentIn('', 'f'), { variables: {}, problems: [] });
});

test('what is wrong with an environment file is said without what is in it', () => {
  const cases: [text: string, problem: RegExp][] = [
    ['SECRET: "canary', /^f:\d+:\d+: /], ['- canary\n', /^f: expected one variable a line/],
    ['A B: canary\n', /"A B" cannot be a variable's name/], ['A: "canary\\0"\n', /the value of A cannot be/],
    ['A: canary\nB: *canary\n', /^f:2:/], [`A: ${'x'.repeat(140_000)}\n`, /value of A cannot be/],
  ];
  for (const [text, problem] of cases) {
    const { problems } = environmentIn(text, 'f');
    assert.match(problems.join('\n'), problem);
    assert.doesNotMatch(problems.join('\n'), /canary/);
  }
  assert.deepEqual(environmentIn('A B: 1\nC: 2\n', 'f').variables, { C: '2' }, 'the rest counts');
});

test('three variables are always there, and the file\'s words count more', () => {
  const user = { name: 'alice', directory: '/home/alice' };
  assert.deepEqual(userEnvironment({}, user, '/opt/node/bin'),
    { HOME: '/home/alice', USER: 'alice', PATH: '/usr/local/bin:/usr/bin:/bin:/opt/node/bin' });
  assert.deepEqual(userEnvironment({ HOME: '/x', PATH: '/y', Z: '1' }, user, '/n'),
    { HOME: '/x', USER: 'alice', PATH: '/y', Z: '1' });
  assert.deepEqual(passedOn({ GLOBUS_COMPUTE_CLIENT_SECRET: 'x', LD_PRELOAD: 'x', NODE_OPTIONS: 'x', LANG: 'C' }),
    { LANG: 'C' });
});

const STATUS = (uid: number, effective: string): string =>
  `Name:\tnode\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nCapEff:\t${effective}\n`;

test('privileged is whoever can do what others cannot, and an identity map is for those who change users', () => {
  assert.deepEqual(privilegesIn(STATUS(0, '000001ffffffffff')), { root: true, privileged: true, changesUsers: true });
  assert.deepEqual(privilegesIn(STATUS(1000, '0000000000000000')),
    { root: false, privileged: false, changesUsers: false });
  assert.deepEqual(privilegesIn(STATUS(1000, '00000000000000c0')),
    { root: false, privileged: true, changesUsers: true });
  assert.deepEqual(privilegesIn(STATUS(1000, '0000000000000400')),
    { root: false, privileged: true, changesUsers: false });
});

test('root does not start without a map, and without privileges none is used', () => {
  const [root, user] = [privilegesIn(STATUS(0, '1')), privilegesIn(STATUS(1000, '0'))];
  const said: string[] = [];
  const warn = (text: string): void => { said.push(text); };
  assert.equal(mapFor(root, '/map', warn), '/map');
  assert.equal(mapFor(user, null, warn), null);
  assert.deepEqual(said, []);
  assert.equal(mapFor(user, '/map', warn), null);
  assert.match(said.join(), /identity mapping configuration will be ignored \(\/map\)/);
  assert.throws(() => mapFor(root, null, warn), {
    message: /^No identity mapping file specified; please specify identity_mapping_config_path/,
    details: { exitStatus: 72 },
  });
});

test('what decides over others must be root\'s alone, and the way to it', async () => {
  await using files = await scratch();
  const [file, folder] = [files.at('map.json'), files.at('open')];
  await writeFile(file, '');
  await mkdir(folder);
  await writeFile(`${folder}/a`, '');
  assert.equal(await looseness(file), undefined);
  assert.equal(await looseness(files.at('missing')), undefined);
  await chmod(file, 0o646);
  assert.equal(await looseness(file), `${file} can be written by everybody: run chmod go-w ${file}`);
  await chmod(file, 0o664);
  await chown(file, 0, 12_345);
  assert.equal(await looseness(file), `${file} can be written by group 12345: run chmod g-w ${file}`);
  await chown(file, 12_345, 0);
  assert.match(await looseness(file) ?? '', /belongs to uid 12345: run chown --no-dereference root /);
  await chmod(folder, 0o777);
  assert.match(await looseness(`${folder}/a`) ?? '', new RegExp(`^${folder} can be written by everybody`));
  await symlink(`${folder}/a`, files.at('link'));
  assert.match(await looseness(files.at('link')) ?? '', new RegExp(`^${folder} can be written by everybody`));
  await chmod(folder, 0o1777);
  assert.equal(await looseness(`${folder}/a`), undefined, 'where only owners replace what is theirs');
  assert.match(await looseness(`${folder}/missing`) ?? '', /can be written by everybody/);
  await assert.rejects(insistOnModes([file], undefined),
    { code: 'CONFIG_INVALID', message: /^refusing to start as root/ });
  assert.match(await loosePath('/usr/bin:.') ?? '', /an entry that is not absolute: '\.'/);
  assert.match(await loosePath(`/usr/bin:${folder}/missing`) ?? '', /not in root's hands alone/);
  assert.equal(await loosePath('/usr/bin:/bin'), undefined);
});

test('nothing that a stranger writes ends a line or moves a cursor', () => {
  assert.equal(shown('a\nb\x1b[2J\u009b\u2028\u202e\t'), 'a\\nb\\u{1b}[2J\\u{9b}\\u{2028}\\u{202e}\\t');
  assert.equal(shown('x'.repeat(10), 4), 'xxxx…');
  assert.equal(shownLines('a\n\x1b'), 'a\n\\u{1b}');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/[\p{Cc}\u2028\u2029]/u.test(shown(text))));
});

test('a line of the log is shown to people as the field shows it', () => {
  const line = (level: number, msg: string, err?: object): string => JSON.stringify({ level, msg, err });
  assert.equal(consoleLine(line(30, '\n\n===== begins')), '> \n\n===== begins\n');
  assert.equal(consoleLine(line(40, 'odd')), 'WARNING odd\n');
  assert.equal(consoleLine(line(40, 'odd'), true), '\x1b[KWARNING odd\n');
  assert.equal(consoleLine(line(50, 'bad', { message: 'a\x1b' })), 'ERROR bad: a\\u{1b}\n');
});
