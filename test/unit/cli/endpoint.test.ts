import assert from 'node:assert/strict';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { readdirSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { test } from 'node:test';
import fc from 'fast-check';
import { processAt, thisProcess } from '../../../src/common/holder.ts';
import { parseEndpointConfig } from '../../../src/endpoint/config.ts';
import { parseYaml } from '../../../src/common/yaml.ts';
import { configureEndpoint } from '../../../src/cli/endpoint-configure.ts';
import { planConfigure } from '../../../src/cli/endpoint-configure-plan.ts';
import {
  endpointFolders, endpointId, endpointsDirectory, findEndpoint, lookUpEndpoint, saveEndpointId,
} from '../../../src/cli/endpoint-directory.ts';
import { claimInstance, instanceOf, pidFile } from '../../../src/cli/endpoint-instance.ts';
import { endpointsJson, endpointsText, listEndpoints } from '../../../src/cli/endpoint-list.ts';
import { checkName, isUuid } from '../../../src/cli/endpoint-name.ts';
import { CONFIG_TEMPLATE } from '../../../src/cli/endpoint-template.ts';
import { exitStatusOf } from '../../../src/cli/failure.ts';
import { scratch } from '../../fakes/scratch.ts';

const noService = (): never => assert.fail('nothing to ask the service for');

const ID = '11111111-2222-3333-4444-555555555555';

test('a name is one word that is safe as a directory and on a command line', () => {
  for (const name of ['default', 'my-cluster', 'a', 'été', 'x'.repeat(128), 'a.b', 'a..b']) checkName(name);
  const wrong: [string, RegExp][] = [
    ['', /Invalid endpoint name: Received no endpoint name/],
    ['x'.repeat(129), /must be less than 129 characters \(length: 129\)/],
    ['../up', /no '\.\.' or '\/' characters.*; up would do/],
    ['..', /no '\.\.' or '\/'/],
    ['a/b', /no '\.\.' or '\/' characters.*; ab would do/],
    ['a b', /no whitespace.*; ab would do/],
    ["it's", /no whitespace/],
    ['back\\slash', /no whitespace/],
    ['.hidden', /prefixed '\.'.*; hidden would do/],
    ['new\nline', /no whitespace.*"new\\nline"/],
    ['bell\u0007', /no whitespace/],
    ['-rf', /no prefixed '-'/],
    [ID, /requires an endpoint name that is not a UUID/],
    [ID.replaceAll('-', '').toUpperCase(), /that is not a UUID/],
  ];
  for (const [name, text] of wrong) assert.throws(() => checkName(name), { code: 'USAGE', message: text });
});

test('whatever name passes stays inside of the directory of endpoints', async () => {
  await using files = await scratch();
  await fc.assert(fc.asyncProperty(fc.string({ maxLength: 20, unit: 'grapheme' }), async (name) => {
    try {
      checkName(name);
    } catch {
      return;
    }
    await configureEndpoint({ directory: files.at('e'), name, plan: planConfigure({}, 'linux') }, noService)
      .catch((error: unknown) => { assert.match(String(error), /already exists|no such file|ENAMETOOLONG/); });
    assert.deepEqual(readdirSync(files.path).filter((one) => one !== 'e'), []);
  }), { numRuns: 60 });
});

test('where endpoints are: what the command line says, then our variable, then the field’s', () => {
  const both = { SWITCHYARD_USER_DIR: '/ours', GLOBUS_COMPUTE_USER_DIR: '/theirs' };
  assert.equal(endpointsDirectory('/given', both), '/given');
  assert.equal(endpointsDirectory(undefined, both), '/ours');
  assert.equal(endpointsDirectory(undefined, { ...both, SWITCHYARD_USER_DIR: '' }), '/theirs');
  assert.match(endpointsDirectory(undefined, {}), /\/\.switchyard\/endpoints$/);
});

test('the template is a configuration, and its owner’s alone', async () => {
  assert.deepEqual(parseYaml(CONFIG_TEMPLATE, 'config.yaml'), {
    display_name: null,
    engine: {
      type: 'GlobusComputeEngine',
      provider: { type: 'LocalProvider', init_blocks: 1, min_blocks: 0, max_blocks: 1 },
    },
  });
  await using files = await scratch();
  const plan = planConfigure({ displayName: 'My "cluster": #1' }, 'linux');
  const { config, directory } = await configureEndpoint({
    directory: files.at('deep/endpoints'), name: 'one', plan,
  }, noService);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(statSync(files.at('deep/endpoints')).mode & 0o777, 0o700);
  assert.equal(statSync(config).mode & 0o777, 0o600);
  const text = await readFile(config, 'utf8');
  assert.equal((parseYaml(text, 'config.yaml') as { display_name: string }).display_name, 'My "cluster": #1');
  assert.ok(text.includes('# Blocks of nodes from Slurm'), 'its comments stay');
});

test('what the template says in its comments is right, too', () => {
  assert.deepEqual(parseEndpointConfig(parseYaml(CONFIG_TEMPLATE, 'config.yaml'), 2).notes, []);
  const hints = [...CONFIG_TEMPLATE.matchAll(/^ {2}# .*:\n((?: {2}# {1,}\S.*\n)+)/gm)]
    .map(([, hint = '']) => hint.replaceAll(/^ {2}# /gm, '  '));
  const types = hints.map((hint) => parseEndpointConfig(parseYaml(`engine:\n${hint}`, 'hint'), 2).engine.provider.type);
  assert.deepEqual(types, ['SlurmProvider', 'PBSProProvider']);
  const keys = CONFIG_TEMPLATE.slice(CONFIG_TEMPLATE.indexOf('# Only these')).replaceAll(/^# (?=[a-z_]+:|  - )/gm, '');
  const config = parseEndpointConfig({ engine: {}, ...parseYaml(keys, 'keys') as object }, 2);
  assert.deepEqual([config.allowed_functions?.length, config.amqp_port, config.heartbeat_period], [1, 443, 30]);
});

test('a file to start from is taken as it is written, or refused before anything is made', async () => {
  await using files = await scratch();
  const configure = async (name: string, text: string, displayName?: string) => {
    await writeFile(files.at('source.yaml'), text);
    const plan = planConfigure({
      managerConfig: files.at('source.yaml'), ...displayName !== undefined && { displayName },
    }, 'linux');
    await configureEndpoint({ directory: files.at('e'), name, plan }, noService);
    return await readFile(files.at(`e/${name}/config.yaml`), 'utf8');
  };
  assert.equal(await configure('a', '# mine\nengine: {}\n'), '# mine\nengine: {}\n');
  assert.equal(await configure('b', 'engine: {}\ndisplay_name: x # why\n', 'y z'),
    'engine: {}\ndisplay_name: "y z" # why\n');
  assert.equal(await configure('c', '# mine\nengine: {}\n', '$& z'), '# mine\nengine: {}\ndisplay_name: "$& z"\n');
  await assert.rejects(configure('d', '- a\n'), { message: /must be a valid YAML mapping \(got a sequence\)/ });
  await assert.rejects(configure('d', 'text\n'), { message: /\(got a scalar\)/ });
  await assert.rejects(configure('d', 'multi_user: true\n'), { message: /says multi_user: true: add --multi-user/ });
  await assert.rejects(configure('d', 'a: [\n'), { code: 'CONFIG_INVALID', message: /source\.yaml:\d+:\d+/ });
  await assert.rejects(configure('d', 'a: 1\n...\n', 'y'), { message: /cannot set display_name in it as it is/ });
  const named = async (directory: string, managerConfig: string) => await configureEndpoint({
    directory: files.at(directory), name: 'd', plan: planConfigure({ managerConfig }, 'linux'),
  }, noService);
  await assert.rejects(named('e', files.at('none.yaml')), { message: /cannot read .*none\.yaml: no such file/ });
  assert.deepEqual((await endpointFolders(files.at('e'))).map(({ name }) => name), ['a', 'b', 'c']);
  await writeFile(files.at('file'), '');
  await assert.rejects(named('file', files.at('source.yaml')), {
    message: /Error creating directory .*file, please remove or rename the conflicting file/,
  });
});

test('an endpoint is found by its name and by its id, and nothing else is one', async () => {
  await using files = await scratch();
  await mkdir(files.at('one'));
  await writeFile(files.at('one/config.yaml'), '');
  await mkdir(files.at('nothing'));
  await writeFile(files.at('file'), '');
  const folder = await findEndpoint(files.path, 'one');
  assert.equal(await endpointId(folder), undefined);
  await saveEndpointId(folder, ID);
  assert.deepEqual(JSON.parse(await readFile(files.at('one/endpoint.json'), 'utf8')), { endpoint_id: ID });
  assert.deepEqual(await lookUpEndpoint(files.path, ID.toUpperCase()), folder);
  assert.deepEqual((await endpointFolders(files.path)).map(({ name }) => name), ['one']);
  for (const name of ['two', '..', '.', '', 'one/../one', 'file', ID.replace('1', '2')]) {
    await assert.rejects(findEndpoint(files.path, name), {
      message: /^There is no endpoint configuration on this machine/,
    });
  }
  for (const broken of ['', 'null', '{}', '{"endpoint_id": 1}', '{"endpoint_id": "../x"}', 'x']) {
    await writeFile(files.at('one/endpoint.json'), broken);
    await assert.rejects(endpointId(folder), { message: /endpoint\.json does not say .*correct it/ });
  }
});

test('one process has an endpoint; what was killed gives way, what may run elsewhere does not', async () => {
  await using files = await scratch();
  await mkdir(files.at('one'));
  const folder = { name: 'one', path: files.at('one') };
  const said = async (text: string) => { await writeFile(pidFile(folder), text); };
  const refused = async (message: RegExp) => {
    await assert.rejects(claimInstance(folder), (error: unknown) => {
      assert.match(String(error), message);
      assert.equal(exitStatusOf(error), 73);
      return true;
    });
  };
  const { pid, started } = thisProcess();

  const claim = await claimInstance(folder);
  assert.deepEqual(await instanceOf(folder), { state: 'alive', holder: thisProcess() });
  await refused(/Another instance of this endpoint is running \(one, process \d+\)\. Refusing to start/);
  await claim.handTo(process.ppid);
  assert.deepEqual(await instanceOf(folder), { state: 'alive', holder: processAt(process.ppid) });
  await claim.release();
  assert.deepEqual(await instanceOf(folder), { state: 'none' });

  await said(JSON.stringify({ host: hostname(), pid, started: `${started}1` }));
  assert.equal((await instanceOf(folder)).state, 'gone', 'another process has its id by now');
  await (await claimInstance(folder)).release();

  await said(JSON.stringify({ host: 'login7', pid, started }));
  await refused(/process \d+ on login7\).*stop --remote one; if it is gone, remove .*daemon\.pid/);
  for (const text of ['', '4711\n', 'null', '{"host":1}', JSON.stringify({ host: hostname(), pid: 0, started: '' })]) {
    await said(text);
    assert.equal((await instanceOf(folder)).state, 'unreadable');
    await refused(/daemon\.pid cannot be read.*remove the file if nobody does/);
  }
});

test('of many that start at once, one gets the endpoint', async () => {
  await using files = await scratch();
  await mkdir(files.at('one'));
  const folder = { name: 'one', path: files.at('one') };
  const claims = await Promise.allSettled(Array.from({ length: 20 }, () => claimInstance(folder)));
  assert.equal(claims.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('a list says which run, where, which were killed, and which cannot be read', async () => {
  await using files = await scratch();
  assert.match(endpointsText(await listEndpoints(files.at('none')), 'here'), /^No endpoints configured!/);
  for (const name of ['fresh', 'here', 'there', 'killed', 'off', 'odd']) {
    await mkdir(files.at(name));
    await writeFile(files.at(`${name}/config.yaml`), '');
    if (name !== 'fresh') await saveEndpointId({ name, path: files.at(name) }, ID);
  }
  const me = thisProcess();
  await writeFile(files.at('here/daemon.pid'), JSON.stringify(me));
  await writeFile(files.at('there/daemon.pid'), JSON.stringify({ ...me, host: 'login7' }));
  await writeFile(files.at('killed/daemon.pid'), JSON.stringify({ ...me, started: '1' }));
  await writeFile(files.at('odd/endpoint.json'), '{');
  await symlink(files.at('nowhere'), files.at('dangling'));
  const listed = await listEndpoints(files.path);
  assert.equal(endpointsText(listed, me.host), `ENDPOINT ID                           STATUS        ${
    'PROCESS'.padEnd(`${me.pid} on login7`.length)}  NAME
-                                     Initialized   ${'-'.padEnd(`${me.pid} on login7`.length)}  fresh
${ID}  Running       ${String(me.pid).padEnd(`${me.pid} on login7`.length)}  here
${ID}  Disconnected  ${'-'.padEnd(`${me.pid} on login7`.length)}  killed
[failed to read endpoint id]          Stopped       ${'-'.padEnd(`${me.pid} on login7`.length)}  odd
${ID}  Stopped       ${'-'.padEnd(`${me.pid} on login7`.length)}  off
${ID}  Running       ${me.pid} on login7  there
`);
  const [, here, killed, odd] = endpointsJson(listed) as Record<string, unknown>[];
  assert.deepEqual(here, {
    endpoint_id: ID, status: 'Running', name: 'here', directory: files.at('here'),
    process: { host: me.host, pid: me.pid },
  });
  assert.deepEqual([killed?.['process'], odd?.['endpoint_id']], [null, null]);
  assert.match(String(odd?.['problem']), /endpoint\.json/);
  assert.ok(isUuid(ID));
});
