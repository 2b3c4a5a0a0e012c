// `switchyard endpoint start` and its relatives, of a multi-user endpoint, against a real service. What it starts is a
// stand-in.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { exec } from '../../src/common/exec.ts';
import { installation } from '../installation.ts';
import { localAccount, type LocalAccount } from '../local-account.ts';
import { functionOf, testService, type TestService, type User } from '../service.ts';
import { says } from './command.ts';
import { withEndpointSite, type EndpointSite } from './endpoint-site.ts';
import { isRunning, until } from './harness.ts';
import { mailOf, writeSite } from './supervisor-site.ts';

const CONFIG = `multi_user: true
public: true
identity_mapping_config_path: map.json
heartbeat_period: 5
display_name: Ours
`;

interface Registered { readonly endpoint_id: string }

async function configured(site: EndpointSite, config = CONFIG): Promise<void> {
  await chmod(site.directory, 0o711);
  await mkdir(site.file('', '.'), { recursive: true });
  const directory = site.file('', 'one').replace(/\/$/, '');
  await writeSite({ directory, out: `${site.directory}/out`, bin: `${site.directory}/bin` });
  await writeFile(site.file('config.yaml'), config);
}

suite('multi-user endpoints from the command line', () => {
  let service: TestService;
  let admin: User;
  let alice: LocalAccount;
  let user: User;
  let fn: string;
  before(async () => {
    [service, alice] = await Promise.all([testService(), localAccount()]);
    [admin, user] = [await service.user(), await service.user(mailOf(alice))];
    fn = await functionOf(service, user);
  });
  after(async () => {
    await service[Symbol.asyncDispose]();
    await alice[Symbol.asyncDispose]();
  });

  test('started, online, asked, stopped, and started again in the background', async () => {
    await withEndpointSite(service, admin, async (site) => {
      await configured(site);
      await using started = site.begin('endpoint', 'start', 'one', '--log-to-console');
      await until('its banner', () => / >>> Multi-User Endpoint ID: [0-9a-f-]{36} <<<\n/.test(started.texts.stdout));
      const [id, pid] = [site.id(), site.pid()];
      assert.match(started.texts.stderr, /> Endpoint Manager initialization\n> \n\n={10} Endpoint Manager begins: /);
      assert.ok(!/---->/.test(started.texts.stderr) && !started.texts.stdout.includes('\u001b'), 'nobody looks on');
      const title = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      assert.ok(title.startsWith(`switchyard endpoint *(${id}, one)`), title);
      await site.online(true);
      says(await site.endpoint('list'), 0, new RegExp(`^${id}\\s+Running\\s+${pid}\\s+one$`, 'm'));
      const { body: described } = await service.ask('GET', `/v2/endpoints/${id}`, { as: admin.token });
      assert.deepEqual([described.name, described.display_name, described.multi_user, described.user_config_template],
        ['one', 'Ours', true, 'engine: {}\n']);

      const answer = await service.ask('POST', `/v3/endpoints/${id}/submit`, {
        as: user.token, body: { tasks: { [fn]: ['x'] }, user_endpoint_config: { mode: 'fails' } },
      });
      assert.deepEqual([answer.status, answer.body.code, answer.body.detail], [422, 'SEMANTICALLY_INVALID',
        `Request payload failed validation: Unable to start user endpoint process for ${alice.name} [exit code: 77; `
        + '(ValidationError) 7 is not of type string]']);
      assert.match(started.texts.stderr,
        new RegExp(`> Creating new user endpoint \\(pid: \\d+\\) \\[\\(${alice.name}, `));

      says(await site.endpoint('start', 'one'), 73, /Another instance of this endpoint is running \(one, process/);
      says(await site.endpoint('stop', 'one'), 0, /^Endpoint one is now stopped$/m);
      assert.equal((await started.ended).status, 0);
      assert.ok(!isRunning(pid) && !existsSync(site.file('daemon.pid')));
      await site.online(false);

      says(await site.endpoint('start', 'one', '--detach'), 0,
        new RegExp(`^> Endpoint one starting in detached mode\\.\n +>>> Multi-User Endpoint ID: ${id} <<<\n$`));
      const second = site.pid();
      assert.ok(isRunning(second));
      says(await site.endpoint('restart', 'one', '--detach'), 0,
        /^Endpoint one is now stopped\n> Endpoint one starting/);
      assert.ok(!isRunning(second));
      says(await site.endpoint('delete', 'one', '--yes', '--force'), 0, /has been deleted from/);
    });
  });

  test('Ctrl-C and Ctrl-\\ end it in order', async () => {
    await withEndpointSite(service, admin, async (site) => {
      await configured(site);
      for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
        await using started = site.begin('endpoint', 'start', 'one');
        await until('its banner', () => started.texts.stdout.includes('<<<'));
        const pid = site.pid();
        started.child.kill(signal);
        assert.equal((await started.ended).status, 0);
        assert.ok(!isRunning(pid) && !existsSync(site.file('daemon.pid')));
      }
    });
  });

  test('without privileges it serves its owner, as the owner, and nobody else', async () => {
    const { name, uid, gid, home } = alice;
    const env = {
      HOME: home, USER: name, PATH: `${home}/bin:/usr/bin:/bin`, SWITCHYARD_SERVICE_URL: service.url, MINE: 'passed on',
    };
    const directory = `${home}/.switchyard/endpoints/one`;
    const { node, dist } = await installation();
    const argv = (...args: string[]): [string, ...string[]] => ['setpriv', '--reuid', String(uid), '--regid',
      String(gid), '--clear-groups', node, `${dist}/src/cli/main.js`, ...args];
    const command = async (input: string, ...args: string[]): Promise<void> => {
      const { code, stderr } = await exec(argv(...args), { timeoutMs: 60_000, cwd: '/', env, input });
      assert.equal(code, 0, stderr);
    };
    await mkdir(`${home}/.switchyard/endpoints`, { recursive: true });
    await writeSite({ directory, out: `${home}/out`, bin: `${home}/bin` });
    await rm(`${directory}/user_environment.yaml`);
    await writeFile(`${directory}/config.yaml`, CONFIG);
    await exec(['chown', '-R', `${uid}:${gid}`, home], { timeoutMs: 10_000 });
    await command(`${user.token}\n`, 'login', '--token');
    try {
      await command('', 'endpoint', 'start', 'one', '--detach');
      const { endpoint_id: id } = JSON.parse(await readFile(`${directory}/endpoint.json`, 'utf8')) as Registered;
      await until('it to be online', async () => (await service.ask('GET', `/v2/endpoints/${id}/status`, {
        as: user.token,
      })).body.status === 'online');
      const submit = async (as: string, function_: string): Promise<string> => (await service.ask(
        'POST', `/v3/endpoints/${id}/submit`,
        { as, body: { tasks: { [function_]: ['x'] }, user_endpoint_config: { mode: 'fails' } } },
      )).body.detail as string;
      assert.match(await submit(user.token, fn),
        new RegExp(`for ${name} \\[exit code: 77; \\(ValidationError\\) 7 is`));
      assert.match(await submit(admin.token, await functionOf(service, admin)),
        /Ignoring start request for untrusted identity\.\n {2}Globus effective identity: /);
      assert.match(await readFile(`${directory}/endpoint.log`, 'utf8'),
        /identity mapping configuration will be ignored/);
      const [seen = ''] = (await readdir(`${home}/out`)).filter((one) => one.endsWith('.env'));
      assert.match(await readFile(`${home}/out/${seen}`, 'utf8'), /^MINE=passed on$/m);
    } finally {
      await command('', 'endpoint', 'stop', 'one');
    }
  });

  test('what is wrong is said before the service hears of it', async () => {
    await withEndpointSite(service, admin, async (site) => {
      await configured(site);
      const [map, template] = [site.file('map.json'), site.file('user_config_template.yaml.j2')];
      const wrong = async (config: string, status: number, text: RegExp): Promise<void> => {
        await writeFile(site.file('config.yaml'), config);
        says(await site.endpoint('start', 'one'), status, text);
      };
      await wrong('multi_user: true\n', 72, /No identity mapping file specified; please specify identity_mapping/);
      await wrong(`${CONFIG}engine: {type: GlobusComputeEngine}\n`, 64, /engine: .*move it to user_config_template/);
      await wrong(`${CONFIG}pam: {}\n`, 64, /pam: user endpoints are not started through PAM/);
      await wrong(`${CONFIG}user_config_schema_path: none.json\n`, 1,
        /User config schema path not found \(none\.json\)/);
      await wrong('identity_mapping_config_path: /none\n', 1, /Identity mapping config path not found \(\/none\)/);
      await chmod(map, 0o666);
      await wrong(CONFIG, 77, /refusing to start as root: .*map\.json can be written by everybody: run chmod go-w /);
      await chmod(map, 0o644);
      await chown(template, alice.uid, 0);
      await wrong(CONFIG, 77, /user_config_template\.yaml\.j2 belongs to uid \d+: run chown /);
      await chown(template, 0, 0);
      await writeFile(map, JSON.stringify([{
        DATA_TYPE: 'external_identity_mapping#1.0.0', command: [`${alice.home}/map`],
      }]));
      await wrong(CONFIG, 77, new RegExp(`refusing to start as root: ${alice.home}`));
      const script = `${alice.home}/script`;
      await writeFile(script, '');
      await writeFile(map, JSON.stringify([{
        DATA_TYPE: 'external_identity_mapping#1.0.0', command: ['/bin/sh', script],
      }]));
      await wrong(CONFIG, 77, new RegExp(`refusing to start as root: ${alice.home}`));
      await writeFile(map, '[');
      await wrong(CONFIG, 78, /Unable to read identity mapping configuration from: /);
      await writeFile(map, '[]');
      await writeFile(site.file('user_config_schema.json'), '{');
      await wrong(CONFIG, 64, /user_config_schema\.json: The user config schema is not valid JSON/);
      await rm(site.file('user_config_schema.json'));
      await rename(template, site.file('elsewhere'));
      await wrong(CONFIG, 64, /cannot read the template of user endpoints, .*user_config_template\.yaml\.j2/);
      assert.ok(!existsSync(site.file('endpoint.json')));
    });
  });
});
