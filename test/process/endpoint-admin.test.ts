// What an administrator of a multi-user endpoint types, before and beside its start, against a real service.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Rendering } from '../../src/cli/endpoint-render.ts';
import { exec } from '../../src/common/exec.ts';
import { testService, type TestService, type User } from '../service.ts';
import { MAIN, says, type Ended } from './command.ts';
import { withEndpointSite, type EndpointSite } from './endpoint-site.ts';
import { until, within } from './harness.ts';

/** What fails in a check is what the check was asked for. */
function finds({ status, stdout, stderr }: Ended, text: RegExp): void {
  assert.equal(status, 1, stdout + stderr);
  assert.match(stdout, text);
}

async function configured(site: EndpointSite, ...options: readonly string[]): Promise<void> {
  says(await site.endpoint('configure', '--multi-user', 'one', ...options), 0,
    /^Created multi-user profile for endpoint named <one>\n\n\tConfiguration file: \//);
}

suite('an administrator at the command line', () => {
  let service: TestService;
  let user: User;
  before(async () => {
    service = await testService();
    user = await service.user();
  });
  after(async () => { await service[Symbol.asyncDispose](); });

  test('configured with a policy that the service has made, looked at, and running', async () => {
    await withEndpointSite(service, user, async (site) => {
      await configured(site, '--allowed-domains', '*.example.edu,example.org', '--contact-email', 'ops@example.org');
      const policy = /^authentication_policy: (\S+)$/m.exec(readFileSync(site.file('config.yaml'), 'utf8'))?.[1];
      const { status, body } = await service.ask('GET', `/v2/api/policies/${policy}`, { as: user.token });
      assert.deepEqual([status, body.policy.domain_constraints_include], [200, ['*.example.edu', 'example.org']]);
      says(await site.endpoint('configure', 'two', '--multi-user', '--allowed-domains', 'not a domain'), 69,
        /Unable to create authentication policy: /);
      assert.ok(!existsSync(site.file('', 'two')));

      const looked = (await site.endpoint('doctor', 'one')).stdout;
      assert.match(looked, /^warn {2}identity map: .*is the example's/m);
      for (const check of ['service', 'clock', 'login', 'broker', 'template', 'programs', 'endpoint.json']) {
        assert.match(looked, new RegExp(`^ok    ${check}: `, 'm'));
      }
      says(await site.endpoint('list'), 0, /^-\s+Initialized\s+-\s+one$/m);
      await appendFile(site.file('config.yaml'), '# token: abc\n');
      await using started = site.begin('endpoint', 'start', 'one');
      await until('its start', () => started.texts.stdout.includes('Multi-User Endpoint ID'), 60_000);
      assert.match(started.texts.stderr, /what looks like one is at \S+config\.yaml:\d+, and the service is told/);
      says(await site.endpoint('list'), 0, new RegExp(`^${site.id()}\\s+Running\\s+${site.pid()}\\s+one$`, 'm'));
      says(await site.endpoint('doctor', site.id()), 0, new RegExp(
        `^ok    daemon\\.pid: the endpoint runs, as process ${site.pid()}$[^]*^ok    endpoint\\.json: its id is `
        + `${site.id()}$`, 'm'));
      says(await site.endpoint('delete', 'one', '--yes'), 64, /Endpoint one is currently running/);
      says(await site.endpoint('stop', 'one'), 0, /^Endpoint one is now stopped$/m);
      says(await site.endpoint('delete', 'one', '--yes', '--force'), 0, /has been deleted from the web service\n/);
      assert.ok(!existsSync(site.file('')));
    });
  });

  test('what is wrong fails the doctor, and is an exit status and JSON for programs', async () => {
    await withEndpointSite(service, user, async (site) => {
      await configured(site);
      await writeFile(site.file('user_config_template.yaml.j2'), 'engine: {type: NoEngine}\n');
      finds(await site.endpoint('doctor', 'one'), /^fail {2}template: .*NoEngine[^]*^1 of \d+ checks failed\.$/m);
      const { status, stdout } = await site.endpoint('doctor', 'one', '--json');
      const findings = JSON.parse(stdout) as { level: string; check: string; text: string }[];
      assert.deepEqual([status, findings.filter(({ level }) => level === 'fail').map(({ check }) => check)], [
        1, ['template'],
      ]);
      await site.command(['logout']);
      finds(await site.endpoint('doctor', 'one'), /^fail {2}login: there is no token for the service/m);
      says(await site.endpoint('doctor', 'two'), 64, /no endpoint configuration on this machine/);
    });
  });

  test('values are rendered, and a directory of them is checked', async () => {
    await withEndpointSite(service, user, async (site) => {
      await configured(site);
      const values = join(site.directory, 'values');
      await mkdir(values);
      await writeFile(join(values, 'good.json'), '{"worker_init": "module load x"}');
      says(await site.endpoint('render', 'one', '--check', values), 0, /^ok    good\.json\n$/);
      await writeFile(join(values, 'wrong.json'), '{"worker_init": 3}');
      finds(await site.endpoint('render', 'one', '--check', values),
        /^ok    good\.json\nfail  wrong\.json: \(ValidationError\) 3 is not of type 'string' .*\n$/);
      const render = async (name: string): Promise<Ended> =>
        await site.endpoint('render', 'one', '--user-config', join(values, name), '--json');
      says(await render('wrong.json'), 64, /\(ValidationError\) 3/);
      const { config, block: { script, launch } } = JSON.parse((await render('good.json')).stdout) as Rendering;
      assert.match(config, /worker_init: "module load x"/);
      assert.ok(script.includes('\nmodule load x\n') && script.includes(launch), script);
      says(await site.endpoint('render', 'one'), 0, /^# Values, of a user endpoint of root\n\{\}\n\n# Configuration\n/);
      const words = ['endpoint', 'render-user-config', '-e', 'one', '-o', '-'];
      const field = await site.command(words, '{"worker_init": "x"}');
      assert.deepEqual([field.status, field.stderr], [0, '> Rendered user config:\n']);
      assert.match(field.stdout, /worker_init: "x"\n[^]*idle_heartbeats_hard: 5760\n$/);
    });
  });

  test('at a terminal the time is shown each second, and log lines do not run into it', async () => {
    await withEndpointSite(service, user, async (site) => {
      await configured(site);
      await using terminal = site.atTerminal('endpoint start one --log-to-console > banner');
      await until('its clock', () => terminal.text().split('---->').length > 3, 60_000);
      const id = site.id();
      const banner = readFileSync(join(site.directory, 'banner'), 'utf8');
      assert.equal(banner, `        >>> Multi-User Endpoint ID: ${id} <<<\n`);
      terminal.type('\x03');
      assert.equal(await within(60_000, 'its end', terminal.ended), 0);
      const shown = terminal.text();
      assert.match(shown, new RegExp(`\\x1b\\[K> \\s+========== Endpoint Manager begins: ${id}\\s`));
      const time = / {2}----> [A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \d{4}\r/g;
      const times = shown.match(time) ?? [];
      assert.equal(new Set(times).size, times.length, 'once each second');
      assert.ok(times.length >= 3);
      // Whatever else is written begins by erasing the line that the time was on, or ends it.
      const hidden = shown.indexOf('\x1b[?25l');
      const between = shown.slice(hidden + 6, shown.lastIndexOf('\x1b[?25h')).split(time);
      const isApart = (text: string): boolean =>
        text === '' || ['\x1b[K', '\n', '\r\n', '^C'].some((start) => text.startsWith(start));
      assert.deepEqual(between.slice(1).filter((text) => !isApart(text)), []);
      assert.ok(hidden > 0 && shown.trimEnd().endsWith('\x1b[?25h'), JSON.stringify(shown.slice(-80)));
    });
  });

  test('who reads no further is no failure', async () => {
    const command = `{ ${process.execPath} ${MAIN} endpoint --help; echo $? >&2; } | true`;
    const { code, stderr } = await exec(['/bin/sh', '-c', command], { timeoutMs: 60_000 });
    assert.deepEqual([code, stderr], [0, '0\n']);
  });

  test('what cannot run a task is not registered', async () => {
    await withEndpointSite(service, user, async (site) => {
      says(await site.endpoint('configure', 'one'), 0, /^Created /);
      await writeFile(site.file('config.yaml'), `engine:
  type: GlobusComputeEngine
  provider: {type: KubernetesProvider, image: python:3.12}
`);
      says(await site.endpoint('start', 'one'), 64, /provider\.type: KubernetesProvider is not there yet; there is /);
      assert.ok(!existsSync(site.file('endpoint.json')));
    });
  });

  test('a unit of systemd starts what was configured here, where it was configured', async () => {
    await withEndpointSite(service, user, async (site) => {
      const [units, endpoints] = [join(site.directory, 'units'), join(site.directory, 'elsewhere')];
      await mkdir(units);
      for (const name of ['one', 'many']) {
        const options = name === 'many' ? ['--multi-user'] : [];
        says(await site.endpoint('configure', name, '-c', endpoints, ...options), 0, /^Created /);
        says(await site.endpoint('enable-on-boot', name, '-c', endpoints, '--unit-directory', units), 0,
          new RegExp(`^Systemd service installed at ${units}/switchyard-endpoint-${name}\\.service\\. Run\n\tsudo `));
      }
      says(await site.endpoint('--config-dir', endpoints, 'list'), 0, /Initialized[^]*\bmany\n[^]*\bone\n/);
      const command = (name: string): string | undefined =>
        /^ExecStart=(.*)$/m.exec(readFileSync(join(units, `switchyard-endpoint-${name}.service`), 'utf8'))?.[1];
      const start = (name: string): RegExp =>
        new RegExp(`^${process.execPath} /.*/main\\.js endpoint start ${name} --config-dir ${endpoints}`);
      // What leaves its process in the background, systemd would take for ended.
      assert.match(command('one') ?? '', new RegExp(`${start('one').source} --foreground$`));
      assert.match(command('many') ?? '', new RegExp(`${start('many').source}$`));
      says(await site.endpoint('disable-on-boot', 'many', '-c', endpoints, '--unit-directory', units), 0,
        /^Run the following to disable on-boot-persistence:\n\tsystemctl stop switchyard-endpoint-many\n/);
      await site.command(['logout']);
      says(await site.endpoint('configure', 'third'), 0, /^Created /);
      says(await site.endpoint('enable-on-boot', 'third', '--unit-directory', units), 77, /nobody is logged in to/);
      says(await site.endpoint('enable-on-boot', 'third', '--unit-directory', `${units}/none`), 77, /./);
    });
  });
});
