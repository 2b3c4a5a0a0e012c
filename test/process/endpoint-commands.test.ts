// `switchyard endpoint`, from the configuration to the end, against a real service and broker.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { stopToRestart } from '../../src/cli/endpoint-restart.ts';
import { systemClock, type Clock } from '../../src/common/clock.ts';
import { ComputeError } from '../../src/common/errors.ts';
import { exec } from '../../src/common/exec.ts';
import { Client } from '../../src/sdk/client.ts';
import { scratch } from '../fakes/scratch.ts';
import { StandInEndpoint } from '../stand-in-endpoint.ts';
import { testService, type TestService, type User } from '../service.ts';
import { homeIn, MAIN, says, switchyard } from './command.ts';
import { CONFIG, runsTask, withEndpointSite, type EndpointSite } from './endpoint-site.ts';
import { isRunning, kill, until } from './harness.ts';

async function configured(site: EndpointSite, more = ''): Promise<void> {
  says(
    await site.endpoint('configure', 'one'), 0,
    /^Created profile for endpoint named one\n\n\tConfiguration file: \//,
  );
  await writeFile(site.file('config.yaml'), CONFIG + more);
}

suite('endpoints from the command line', () => {
  let service: TestService;
  let user: User;
  before(async () => {
    service = await testService();
    user = await service.user();
  });
  after(async () => { await service[Symbol.asyncDispose](); });

  test('configured, started, online, at work, stopped, and started again as the same', async () => {
    await withEndpointSite(service, user, async (site) => {
      await configured(site, `display_name: One of many
endpoint_setup: touch set-up
endpoint_teardown: touch torn-down
`);
      says(await site.endpoint('list'), 0, /^-\s+Initialized\s+-\s+one$/m);
      says(await site.endpoint('start', 'one'), 0, /^Starting endpoint; registered ID: [0-9a-f-]{36}\n/);
      const [id, pid] = [site.id(), site.pid()];
      assert.ok(existsSync(site.file('set-up')));
      assert.match(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), /^switchyard endpoint one/);
      await site.online(true);
      says(await site.endpoint('list'), 0, new RegExp(`^${id}\\s+Running\\s+${pid}\\s+one$`, 'm'));
      const { body } = await service.ask('GET', `/v2/endpoints/${id}`, { as: user.token });
      assert.deepEqual([body.name, body.display_name], ['one', 'One of many']);
      assert.ok((body.endpoint_config as string).startsWith(CONFIG));
      await runsTask(service, user, id);

      says(await site.endpoint('start', 'one'), 73,
        /Another instance of this endpoint is running \(one, process \d+\)/);
      says(await site.endpoint('start', id), 73, /Refusing to start/);
      says(await site.command(['logout']), 64, /currently running: one\. Please use logout --force/);
      says(await site.endpoint('delete', 'one', '--yes'), 64, /Endpoint one is currently running/);
      assert.equal(site.pid(), pid);

      says(await site.endpoint('restart', 'one'), 0,
        /^Endpoint one is now stopped\nStarting endpoint; registered ID: /);
      assert.deepEqual([site.id(), site.pid() === pid, isRunning(pid)], [id, false, false]);
      assert.ok(existsSync(site.file('torn-down')));
      await runsTask(service, user, id);

      says(await site.endpoint('stop', id.toUpperCase()), 0, /^Endpoint one is now stopped$/m);
      assert.ok(!existsSync(site.file('daemon.pid')));
      await site.online(false);
      says(await site.endpoint('stop', 'one'), 0, /^Endpoint one is not active\.$/m);
      says(await site.endpoint('list'), 0, /Stopped\s+-\s+one$/m);
    });
  });

  test('one that was killed is started again without a word from anybody', async () => {
    await withEndpointSite(service, user, async (site) => {
      await configured(site);
      says(await site.endpoint('start', 'one'), 0, /registered ID/);
      const [id, pid] = [site.id(), site.pid()];
      kill(pid, 'SIGKILL');
      await until('its end', () => !isRunning(pid));
      says(await site.endpoint('list'), 0, /Disconnected\s+-\s+one$/m);
      says(await site.endpoint('start', 'one'), 0, new RegExp(`registered ID: ${id}`));
      await runsTask(service, user, id);
      kill(site.pid(), 'SIGKILL');
      await until('its end', () => !isRunning(site.pid()));
      says(await site.endpoint('stop', 'one'), 0, /^Endpoint one has been cleaned up/m);
      says(await site.endpoint('list', '--json'), 0, /"status":"Stopped"/);
      await until('the end of what it had started', () => site.processes().length === 0, 60_000);
    });
  });

  test('of two that are started at the same time one serves', async () => {
    await withEndpointSite(service, user, async (site) => {
      await configured(site);
      const both = await Promise.all([site.endpoint('start', 'one'), site.endpoint('start', 'one', '--json')]);
      assert.deepEqual(new Set(both.map(({ status }) => status)), new Set([0, 73]), JSON.stringify(both));
      assert.equal(site.processes().filter(({ command }) => command.startsWith('switchyard endpoint one')).length, 1);
      says(await site.endpoint('stop', 'one', '--json'), 0,
        /^\{"name":"one","directory":".*","outcome":"stopped","blocksEnded":0\}$/m);
    });
  });

  test('from another login node it is refused by name, and restarted or ended through the service', async () => {
    await withEndpointSite(service, user, async (site) => {
      await configured(site);
      const moveAway = async (): Promise<number> => {
        const holder = JSON.parse(await readFile(site.file('daemon.pid'), 'utf8')) as { pid: number };
        await writeFile(site.file('daemon.pid'), JSON.stringify({ ...holder, host: 'login7.example.org' }));
        return holder.pid;
      };
      says(await site.endpoint('start', 'one'), 0, /registered ID/);
      const [id, first] = [site.id(), await moveAway()];
      says(await site.endpoint('start', 'one'), 73, /process \d+ on login7\.example\.org\).*stop --remote one/);
      says(await site.endpoint('restart', 'one'), 0,
        new RegExp(`^Endpoint one is now stopped, wherever it ran\nStarting endpoint; registered ID: ${id}\n`));
      await until('its end', () => !isRunning(first));
      assert.ok(isRunning(site.pid()));
      const pid = await moveAway();
      says(await site.endpoint('list'), 0, /Running\s+\d+ on login7\.example\.org\s+one$/m);

      const stopped = await site.endpoint('stop', 'one');
      says(stopped, 0, /^Endpoint one is now stopped, wherever it ran; it can be started again at \d\d:\d\d$/m);
      assert.match(stopped.stderr, /runs on login7\.example\.org \(process \d+\): asking the service to end it/);
      await until('its end', () => !isRunning(pid));
      assert.ok(!existsSync(site.file('daemon.pid')));
      says(await site.endpoint('start', 'one'), 69,
        /^switchyard endpoint: Endpoint registration blocked: .*locked for \d+ s/);
      assert.ok(!existsSync(site.file('daemon.pid')));
    });
  });

  test('a restart from another login node starts nothing while the end is in doubt, or the lock stays', async () => {
    await using dir = await scratch();
    await using endpoint = await StandInEndpoint.register(service, user);
    await writeFile(dir.at('endpoint.json'), JSON.stringify({ endpoint_id: endpoint.id }));
    const isThere = async (): Promise<void> =>
      await writeFile(dir.at('daemon.pid'), JSON.stringify({ host: 'login7', pid: 12, started: '1' }));
    const restart = async (sleep: () => Promise<void>): Promise<unknown> => {
      let laterMs = 0;
      const clock: Clock = {
        ...systemClock, now: () => systemClock.now() + laterMs, sleep: async (ms) => {
          laterMs += 100 * ms;
          await sleep();
        },
      };
      const client = new Client({ serviceUrl: service.url, token: user.token });
      client.unlockEndpoint = async () => { throw new ComputeError('SERVICE_REFUSED', 'there is no such route'); };
      const folder = { name: 'one', path: dir.path };
      return await stopToRestart(folder, { clock, connect: () => client, warn: () => { /* said elsewhere */ } });
    };
    const later = 'nothing can register as it before \\d\\d:\\d\\d: start it then, with switchyard endpoint start'
      + ' one$';
    await isThere();
    await assert.rejects(restart(async () => { /* it stays */ }), {
      message: new RegExp('^Endpoint one is not started again: process 12 on login7 lost its credentials, but has not '
        + `confirmed that it has ended, as if login7 were down; ${later}`),
    });
    await isThere();
    await assert.rejects(restart(async () => await rm(dir.at('daemon.pid'), { force: true })), {
      message: new RegExp('^Endpoint one is stopped, but the service does not unlock it \\(there is no such route\\); '
        + later),
    });
    const again = await service.ask('PUT', `/v3/endpoints/${endpoint.id}`, {
      as: user.token, body: { endpoint_name: 'one', metadata: {} },
    });
    assert.equal(again.status, 423);
  });

  test('in the foreground it stays, shows its log, and ends with Ctrl-C', async () => {
    await withEndpointSite(service, user, async (site) => {
      await configured(site);
      await using started = site.begin('endpoint', 'start', 'one', '--foreground', '--log-to-console');
      await until('its start', () => /registered ID: .*\nCtrl-C ends it\.\n/.test(started.texts.stdout), 60_000);
      const pid = site.pid();
      await until('its log', () => started.texts.stderr.includes('endpoint is up'));
      started.child.kill('SIGINT');
      assert.equal((await started.ended).status, 0);
      assert.ok(!isRunning(pid) && !existsSync(site.file('daemon.pid')));
    });
  });

  test('a start that is interrupted leaves nothing', async () => {
    await withEndpointSite(service, user, async (site) => {
      await configured(site, 'endpoint_setup: touch set-up; sleep 600\n');
      await using started = site.begin('endpoint', 'start', 'one');
      await until('its start', () => existsSync(site.file('set-up')), 60_000);
      started.child.kill('SIGINT');
      const { status, stderr } = await started.ended;
      assert.deepEqual([status, stderr], [130, 'switchyard endpoint: interrupted by SIGINT\n']);
      assert.ok(!existsSync(site.file('daemon.pid')));
    });
  });

  test('deleted here and at the service, after a question', async () => {
    await withEndpointSite(service, user, async (site) => {
      await configured(site);
      says(await site.endpoint('start', 'one'), 0, /registered ID/);
      const id = site.id();
      await site.online(true);
      says(await site.endpoint('delete', 'one', '--force', '--yes'), 0, new RegExp(
        `^Endpoint ${id} has been deleted from the web service\nEndpoint one has been deleted from /`));
      assert.ok(!existsSync(site.file('')));
      assert.equal((await service.ask('GET', `/v2/endpoints/${id}`, { as: user.token })).status, 404);
      assert.deepEqual(site.processes(), []);

      await configured(site);
      const declined = await site.command(['endpoint', 'delete', 'one'], 'n\n');
      assert.match(declined.stderr, /Are you sure you want to delete endpoint < one > \( never started \)\? \[y\/N\]/);
      assert.deepEqual([declined.status, existsSync(site.file('config.yaml'))], [64, true]);
      assert.equal((await site.command(['endpoint', 'delete', 'one'], 'y\n')).status, 0);
      assert.ok(!existsSync(site.file('')));
      says(await site.endpoint('delete', id, '--yes'), 64, /No local endpoint configuration available for .*--force/);
      says(await site.endpoint('delete', id, '--yes', '--force'), 69, /could not be deleted from the web service/);
    });
  });

  test('what is wrong is said in one line, with what to do', async () => {
    await withEndpointSite(service, user, async (site) => {
      says(await site.endpoint('start'), 64, /no endpoint configuration on this machine at .*default: create one with/);
      says(await site.endpoint('configure', 'one', '--schema-config', 'x'), 64, /requires multi user support/);
      says(await site.endpoint('configure', 'one', '--subscription-id', 'x'), 64, /must be a UUID/);
      assert.ok(!existsSync(site.file('')));
      await configured(site);
      const wrong = async (config: string, status: number, text: RegExp) => {
        await writeFile(site.file('config.yaml'), config);
        says(await site.endpoint('start', 'one'), status, text);
      };
      await wrong('engine: {provider: {type: SlurmProvder}}\n', 64, /SlurmProvder.*did you mean SlurmProvider/);
      await wrong('engine: [\n', 64, /config\.yaml:\d+:\d+/);
      await wrong('- 1\n', 64, /expected keys and values/);
      await wrong('display_name: x\n', 72, /No identity mapping file specified; please specify identity_mapping/);
      await wrong(`${CONFIG}hartbeat_period: 1\n`, 64, /unknown key hartbeat_period/);
      await wrong(`${CONFIG}endpoint_setup: exit 3\n`, 78, /endpoint_setup failed with exit code 3/);
      await wrong(CONFIG, 0, /^$/m);
      assert.equal((await site.endpoint('stop', 'one')).status, 0);
      await writeFile(site.file('config.py'), '');
      says(await site.endpoint('start', 'one'), 64, /Python configuration files are not supported: .*config\.py/);
      says(await site.endpoint('start', 'one', '--log-to-console'), 64, /./);
      assert.ok(!existsSync(site.file('daemon.pid')));
      assert.equal((await site.command(['logout'])).status, 0);
    });
  });

  test('without a service, a token or the right to an id nothing is started and nothing is left', async () => {
    await withEndpointSite(service, user, async (site) => {
      await configured(site);
      const absent = { SWITCHYARD_SERVICE_URL: 'http://127.0.0.1:1' };
      const elsewhere = async (env: Readonly<Record<string, string>>) => await switchyard(
        ['endpoint', 'start', 'one'], { cwd: site.directory, env: { ...absent, ...env } },
      );
      says(await elsewhere({}), 77, /there is no token for the service at http:\/\/127\.0\.0\.1:1: log in with/);
      const client = { GLOBUS_COMPUTE_CLIENT_ID: user.identity, GLOBUS_COMPUTE_CLIENT_SECRET: user.token };
      says(await elsewhere(client), 75, /service at http:\/\/127\.0\.0\.1:1 cannot be reached/);
      const wrong = { ...client, GLOBUS_COMPUTE_CLIENT_SECRET: 'x' };
      says(await elsewhere({ ...wrong, SWITCHYARD_SERVICE_URL: service.url }), 77, /gave no token to client/);
      const other = await StandInEndpoint.register(service, await service.user());
      says(await site.endpoint('start', 'one', '--endpoint-uuid', other.id), 69,
        /Endpoint registration blocked: .*registered by a different user/);
      says(await site.endpoint('start', 'one', '--endpoint-uuid', 'x'), 64, /must be a UUID/);
      await other[Symbol.asyncDispose]();
      assert.deepEqual([existsSync(site.file('endpoint.json')), existsSync(site.file('daemon.pid'))], [false, false]);
      says(await site.endpoint('stop', '--remote', 'one'), 64, /could not be located: it was never started/);
      const id = '99999999-aaaa-4bbb-8ccc-dddddddddddd';
      says(await site.endpoint('start', 'one', '--endpoint-uuid', id), 0, new RegExp(`registered ID: ${id}`));
      says(await site.endpoint('stop', 'one', '--remote'), 0, /now stopped, wherever it ran/);
    });
  });

  test('the field’s name for the program, and its place for the configuration', async () => {
    await withEndpointSite(service, user, async (site) => {
      await symlink(MAIN, `${site.directory}/switchyard-endpoint`);
      const program = async (...args: string[]) => await exec(
        [process.execPath, `${site.directory}/switchyard-endpoint`, ...args],
        { timeoutMs: 20_000, env: { ...homeIn(site.directory), GLOBUS_COMPUTE_USER_DIR: `${site.directory}/field` } },
      );
      assert.equal((await program('configure', 'one')).code, 0);
      assert.ok(existsSync(`${site.directory}/field/one/config.yaml`));
      assert.match((await program('--help')).stdout, /^Usage: switchyard-endpoint /);
      assert.match((await program('list', '-c', `${site.directory}/none`)).stdout, /No endpoints configured/);
      assert.match((await program('-c', `${site.directory}/none`, 'list')).stdout, /No endpoints configured/);
      const unknown = await program('begin');
      assert.equal(unknown.code, 64);
      assert.match(unknown.stderr,
        /^switchyard-endpoint: unknown command 'begin'.*: see switchyard-endpoint --help\n$/);
    });
  });
});
