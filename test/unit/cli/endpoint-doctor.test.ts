// What `switchyard endpoint doctor` finds.

import assert from 'node:assert/strict';
import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { doubtsOf, rulesIn } from '../../../src/cli/endpoint-check-identities.ts';
import { checkSecrets } from '../../../src/cli/endpoint-check-secrets.ts';
import { clockFinding } from '../../../src/cli/endpoint-check-service.ts';
import { proposedValues } from '../../../src/cli/endpoint-check-template.ts';
import { configureEndpoint } from '../../../src/cli/endpoint-configure.ts';
import { planConfigure } from '../../../src/cli/endpoint-configure-plan.ts';
import { examine } from '../../../src/cli/endpoint-doctor.ts';
import { findingsText, type Finding } from '../../../src/cli/endpoint-finding.ts';
import { scratch } from '../../fakes/scratch.ts';

const ROOT = { root: true, privileged: true, changesUsers: true };
const NOBODY = { root: false, privileged: false, changesUsers: false };
const MAP = [{
  DATA_TYPE: 'expression_identity_mapping#1.0.0',
  mappings: [{ source: '{username}', match: '(.*)@example\\.org', output: '{0}' }],
}];

interface Site {
  /** Files of the endpoint that are other than `configure` writes them. */
  readonly write: (name: string, text: string) => Promise<void>;
  readonly at: (name: string) => string;
  readonly found: (privileges?: typeof ROOT) => Promise<Finding[]>;
  /** What is not ok, as `level check: text`. */
  readonly wrong: (privileges?: typeof ROOT) => Promise<string[]>;
}

/** With a map that lets somebody in, where nothing is wrong. */
async function withSite(use: (site: Site) => Promise<void>): Promise<void> {
  await using files = await scratch();
  await chmod(files.path, 0o755);
  await mkdir(files.at('bin'), { mode: 0o755 });
  for (const name of ['node', 'program']) await writeFile(files.at(`bin/${name}`), '#!/bin/sh\n', { mode: 0o755 });
  await configureEndpoint(
    { directory: files.at('e'), name: 'x', plan: planConfigure({ multiUser: true }, 'linux') },
    () => assert.fail('nothing to ask the service for'),
  );
  const at = (name: string): string => files.at(`e/x/${name}`);
  const own = { node: files.at('bin/node'), program: files.at('bin/program'), directory: files.at('bin') };
  const write = async (name: string, text: string): Promise<void> => { await writeFile(at(name), text); };
  await write('example_identity_mapping_config.json', JSON.stringify(MAP));
  const found = async (privileges = ROOT): Promise<Finding[]> => {
    const folder = { name: 'x', path: files.at('e/x') };
    return [...(await examine(folder, { privileges, own, path: '/usr/bin:/bin' })).findings];
  };
  const wrong = async (privileges = ROOT): Promise<string[]> => (await found(privileges))
    .filter(({ level }) => level !== 'ok').map(({ level, check, text }) => `${level} ${check}: ${text}`);
  await use({ write, at, found, wrong });
}

async function says(site: Site, ...wanted: readonly RegExp[]): Promise<void> {
  const wrong = await site.wrong();
  assert.equal(wrong.length, wanted.length, wrong.join('\n'));
  for (const [i, text] of wanted.entries()) assert.match(wrong[i] ?? '', text);
}

test('nothing is wrong with a set-up whose map lets somebody in', async () => {
  await withSite(async (site) => {
    await says(site);
    const checks = (await site.found()).map(({ check }) => check);
    assert.deepEqual(checks, [
      'daemon.pid', 'config.yaml', 'modes', 'identity map', 'programs', 'switchyard-endpoint', 'environment', 'schema',
      'template', 'scheduler', 'python', 'secrets', 'endpoint.json',
    ]);
    // Whoever cannot become others serves himself, and the map is not for him.
    assert.deepEqual((await site.found(NOBODY)).filter(({ check }) => check === 'users').map(({ text }) => text), [
      'without privileges it serves you alone',
    ]);
    assert.match((await site.wrong(NOBODY)).join('\n'), /^warn identity map: .*will be ignored[^\n]*$/);
  });
});

test('whoever else can change what decides is named, with the command that ends it', async () => {
  await withSite(async (site) => {
    await chmod(site.at('user_config_template.yaml.j2'), 0o666);
    await says(site, /^fail modes: .*template\.yaml\.j2 can be written by everybody: run chmod go-w /);
    await chmod(site.at('user_config_template.yaml.j2'), 0o644);
    await chown(site.at('..'), 65_534, 0);
    await says(site, /^fail modes: .* belongs to uid 65534: run chown --no-dereference root /);
  });
});

test('a config.yaml that does not start is told as at its start', async () => {
  await withSite(async (site) => {
    await site.write('config.yaml', 'multi_user: true\ndisplay_nam: x\n');
    await says(site, /^fail config\.yaml: .*unknown key display_nam; did you mean display_name\?/);
    await site.write('config.yaml', 'a: [\n');
    await says(site, /^fail config\.yaml: .*config\.yaml:\d+:\d+/);
    await site.write('config.yaml', 'multi_user: true\n');
    await says(site, /^fail identity map: No identity mapping file specified/);
    await site.write('config.yaml', 'multi_user: true\nidentity_mapping_config_path: none\n');
    await says(site, /^fail config\.yaml: Identity mapping config path not found \(none\)/);
  });
});

test('a map is read, and whom it lets in is looked up', async () => {
  await withSite(async (site) => {
    const map = 'example_identity_mapping_config.json';
    await site.write(map, '[{"DATA_TYPE": "expresion_identity_mapping#1.0.0", "mappings": []}]');
    await says(site, /^fail identity map: .*expresion_identity_mapping/);
    const to = (output: string, command?: string): string => JSON.stringify([
      { ...MAP[0], mappings: [{ source: '{email}', match: '.*', output }] },
      ...command === undefined ? [] : [{ DATA_TYPE: 'external_identity_mapping#1.0.0', command: [command] }],
    ]);
    await site.write(map, to('root'));
    await says(site, /^warn identity map: .*takes everybody.*as root/, /^fail identity map: .*to "root" is refused/);
    await site.write(map, to('daemon'));
    await says(site, /takes everybody/, /^fail identity map: .*to "daemon" is refused: .*minimum_uid \(1000\)/);
    const config = 'multi_user: true\nidentity_mapping_config_path: example_identity_mapping_config.json\n';
    await site.write('config.yaml', `${config}minimum_uid: 1\n`);
    await says(site, /takes everybody/);
    await site.write(map, to('no-such-user', '/no/such/program'));
    await says(site, /takes everybody/, /there is no such local account/, /^fail .*command \/no\/such\/program is /);
    await site.write('who', '');
    await chmod(site.at('who'), 0o666);
    await site.write(map, JSON.stringify([
      ...MAP, { DATA_TYPE: 'external_identity_mapping#1.0.0', command: ['/bin/sh', '-c', '/dev/null', site.at('who')] },
    ]));
    await says(site, /^fail identity map: the command \/bin\/sh would run as root, and .*who can be written by/);
  });
});

test('a dot that stands for any character is told, and nothing that is meant', () => {
  const doubts = (match: string, literal = false): number =>
    doubtsOf({ source: '{username}', match, output: '{0}', literal }).length;
  const wrong = ['(.*)@example.org', 'a.b', '(.*)@example.com', '.*', '(.*)'];
  assert.deepEqual(wrong.map((match) => doubts(match)), wrong.map(() => 1));
  const right = ['(.*)@example\\.org', 'a.?b', '(.*)@cs\\.example\\.org', 'alice'];
  assert.deepEqual(right.map((match) => doubts(match)), right.map(() => 0));
  assert.equal(doubts('a.b', true), 0);
  const [found] = doubtsOf({ source: '', match: '(.*)@example.org', output: '', literal: false });
  assert.match(found?.text ?? '', /as in "\(\.\*\)@example\\\\\.org"$/);
  assert.deepEqual(rulesIn(JSON.stringify(MAP)).map(({ match }) => match), ['(.*)@example\\.org']);
});

test('a template that does not give a configuration is told, and one that wants values says which', async () => {
  await withSite(async (site) => {
    await site.write('user_config_template.yaml.j2', 'engine: {type: GlobusComputEngine}\n');
    await says(site, /^fail template: .*did you mean GlobusComputeEngine\?/);
    await site.write('user_config_template.yaml.j2', `engine:
  type: GlobusComputeEngine
  provider: {type: SlurmProvider, partition: cpu, account: {{ ACCOUNT_ID }}}
`);
    await says(site, /^warn template: was not tried: users have to send ACCOUNT_ID, .*render$/);
    const schema = { type: 'object', properties: { ACCOUNT_ID: { type: 'string', examples: ['a1'] } } };
    await site.write('user_config_schema.json', JSON.stringify(schema));
    await site.write('user_environment.yaml', 'PATH: /none\n');
    await says(site, /^fail switchyard-endpoint: it is nowhere on PATH/,
      /^fail scheduler: SlurmProvider calls sbatch, squeue, scancel, not found/, /^warn python: there is none/);
    await site.write('user_config_schema.json', '{"type": "objekt"}');
    assert.match((await site.wrong())[1] ?? '', /^fail schema: \(SchemaError\)/);
    await site.write('user_config_schema.json', '{');
    assert.match((await site.wrong())[1] ?? '', /^fail schema: .* is not JSON/);
  });
});

test('a program that only root can execute is no program of users’', async () => {
  await withSite(async (site) => {
    const bin = site.at('../../bin');
    await site.write('user_environment.yaml', `PATH: ${bin}\n`);
    await symlink(`${bin}/program`, `${bin}/switchyard-endpoint`);
    await symlink('/usr/bin/python3', `${bin}/python3`);
    await says(site);
    await chmod(bin, 0o700);
    await says(site, /^fail switchyard-endpoint: users cannot execute .*bin is closed to others\. Install it where/);
    await chmod(bin, 0o777);
    await says(site, /^fail modes: .*bin can be written by everybody/, /^fail switchyard-endpoint: PATH in user_env/);
  });
});

test('what a template includes has to be there for users', async () => {
  await withSite(async (site) => {
    const template = site.at('../../templates/t.yaml.j2');
    await mkdir(site.at('../../templates'), { mode: 0o711 });
    await writeFile(template, 'engine: {type: GlobusComputeEngine}\n# {% include "more" %}\n', { mode: 0o644 });
    await site.write('config.yaml', `multi_user: true
identity_mapping_config_path: example_identity_mapping_config.json
user_config_template_path: ${template}
`);
    const includes = async (): Promise<Finding[]> => (await site.found()).filter(({ check }) => check === 'includes');
    assert.match((await includes())[0]?.text ?? '', /users cannot get at them: .*templates is closed to others/);
    await chmod(site.at('../../templates'), 0o755);
    assert.deepEqual((await includes()).map(({ level }) => level), ['ok']);
  });
});

test('what looks like a secret is told by its place, and not by its value', () => {
  const lines = [
    'password: hunter2', 'API_KEY=abc', 'export GITHUB_TOKEN=abc', 'url: https://me:pass@host/', '-----BEGIN PRIVATE',
    '"client_secret": "abc"', '-----BEGIN RSA PRIVATE KEY-----',
  ];
  const harmless = [
    'password:', 'token: null', 'secret: {{ SECRET }}', 'TOKEN=$TOKEN', 'a secret is nothing for here', 'token: ""',
    'tokens are counted', 'url: https://host/a:b@c',
  ];
  const finding = checkSecrets([{ path: 't', text: [...lines, ...harmless].join('\n') }]);
  assert.equal(finding.level, 'warn');
  assert.deepEqual(finding.text.match(/t:\d+/g), ['t:1', 't:2', 't:3', 't:4', 't:6', 't:7']);
  assert.doesNotMatch(finding.text, /hunter2/);
});

test('values to try are those that the schema proposes', () => {
  assert.deepEqual(proposedValues(JSON.stringify({
    properties: {
      a: { default: 0, examples: [1] }, b: { examples: ['x', 'y'] }, c: { enum: [3, 4] }, d: { const: null },
      e: { type: 'string' }, f: true,
    },
    required: ['a', 'e'],
  })), { values: { a: 0, b: 'x', c: 3, d: null }, missing: ['e'] });
  assert.deepEqual(proposedValues('true'), { values: {}, missing: [] });
});

test('a clock that is off is told, and from three minutes on requests are lost', () => {
  const level = (offS: number): string => clockFinding(1_000_000, 1_000_000 + offS * 1000).level;
  assert.deepEqual([0, 30, -31, 180, -181].map(level), ['ok', 'ok', 'warn', 'warn', 'fail']);
  assert.match(clockFinding(0, 200_000).text, /^it is 200 s ahead of the service's/);
});

test('one line a finding, and what it comes to', () => {
  const finding = (level: Finding['level'], text = 'a\n  b'): Finding => ({ level, check: 'c', text });
  assert.equal(findingsText([finding('ok'), finding('fail')]), 'ok    c: a; b\nfail  c: a; b\n1 of 2 checks failed.\n');
  assert.equal(findingsText([finding('warn')]), 'warn  c: a; b\nNothing failed; look at the 1 marked warn.\n');
  assert.equal(findingsText([finding('ok', '')]), 'ok    c: \nAll is well.\n');
});
