// What a supervisor starts, and as whom; and what the user is told when it starts nothing.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import type { StartCommand } from '../../src/amqp/start-command.ts';
import { isJsonObject, parseJson } from '../../src/common/json.ts';
import { localAccount, type LocalAccount } from '../local-account.ts';
import { isRunning, until } from './harness.ts';
import { mailOf, SupervisorSite, type RunningSupervisor } from './supervisor-site.ts';

suite('a supervisor', () => {
  let site: SupervisorSite;
  let alice: LocalAccount;
  let bob: LocalAccount;
  let supervisor: RunningSupervisor;

  before(async () => {
    [alice, bob, site] = await Promise.all([localAccount(), localAccount(), SupervisorSite.open()]);
    supervisor = await site.start({
      environment: {
        LD_PRELOAD: '', NODE_OPTIONS: '--no-warnings', GLOBUS_COMPUTE_CLIENT_SECRET: 'canary-1',
        SUPERVISORS: 'canary-2',
      },
    });
  });
  after(async () => {
    await site[Symbol.asyncDispose]();
    for (const account of [alice, bob]) await account[Symbol.asyncDispose]();
  });

  test('starts a user endpoint as the mapped user, with nothing of its own', async () => {
    const child = await site.command(mailOf(alice));
    const pid = await site.pidOf(child);
    const status = await site.seen(child, 'status');
    const { uid, gid, groups } = alice;
    const value = (key: string): string => new RegExp(`^${key}:\\s+(.*)$`, 'm').exec(status)?.[1]?.trim() ?? '';
    assert.equal(value('Uid'), [uid, uid, uid, uid].join('\t'));
    assert.equal(value('Gid'), [gid, gid, gid, gid].join('\t'));
    assert.deepEqual(new Set(value('Groups').split(' ').map(Number)), new Set(groups));
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.match(value(set), /^0+$/, set);
    assert.deepEqual([value('NoNewPrivs'), value('Umask')], ['1', '0077']);
    assert.deepEqual([value('NSsid'), value('NSpgid'), value('NSpid')].map((one) => Number(one.split('\t')[0])),
      [pid, pid, pid]);
    assert.deepEqual(Object.fromEntries((await site.seen(child, 'env')).trim().split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
      .filter(([name]) => name !== '_' && name !== 'PWD' && name !== 'SHLVL')), {
      HOME: alice.home, USER: alice.name, SITE: 'here', FLAG: 'True', NONE: 'None',
      PATH: /^PATH: (.*)$/m.exec(await readFile(site.file('user_environment.yaml'), 'utf8'))?.[1],
    });
    assert.equal(await site.seen(child, 'args'), `_start-user-endpoint uep.${site.id}.${child}\n`);
    assert.equal(await site.seen(child, 'cwd'), `${alice.home}\n`);
    // The shell itself has its script open.
    const fds = [...(await site.seen(child, 'fds')).matchAll(/ (\d+) -> (.*)/g)]
      .filter(([, , to = '']) => !to.endsWith('/switchyard-endpoint'));
    // ... and, while it redirects, what it redirected.
    assert.deepEqual(fds.map(([, fd]) => fd).filter((fd) => fd !== '11'), ['0', '1', '2']);
    const info = `Creating new user endpoint \\(pid: ${pid}\\) \\[\\(${alice.name}, uep\\.${site.id}\\.${child}\\)`;
    await site.logged(new RegExp(`${info} switchyard-endpoint _start-user-endpoint uep`));
    await site.logged(new RegExp(`Command process successfully forked for '${alice.name}' \\(Globus effective`));
    await site.logged(new RegExp(`mapped to local user '${alice.name}' by mapper 1`));
  });

  test('hands it what it needs to render its configuration itself', async () => {
    const child = await site.command(mailOf(alice), { change: (command) => ({
      ...command, userOptions: { mode: 'serves', big: 12345678901234567890n }, userRuntime: { python: { a: 1 } },
    }) });
    await site.pidOf(child);
    const payload = parseJson(await site.seen(child, 'payload'));
    assert.ok(isJsonObject(payload));
    const { amqp_creds: creds, ep_info: info, render, debug, allowed_functions: allowed } = payload;
    assert.deepEqual([debug, allowed], [false, undefined]);
    assert.ok(isJsonObject(creds) && creds['endpoint_id'] === child && 'heartbeat_queue_info' in creds);
    assert.ok(isJsonObject(info));
    assert.equal(info['posix_ppid'], supervisor.pid);
    assert.ok(isJsonObject(info['globus_matched_identity']));
    assert.equal(info['globus_matched_identity']['username'], mailOf(alice));
    assert.ok(isJsonObject(render));
    assert.deepEqual(render['template'], { path: site.file('user_config_template.yaml.j2'), text: 'engine: {}\n' });
    assert.deepEqual([render['schema'], render['user_opts'], render['user_runtime'], render['parent_config']], [
      null, { mode: 'serves', big: 12345678901234567890n }, { python: { a: 1 } },
      { identity_mapping_config_path: 'map.json', heartbeat_period: 5 },
    ]);
    const { name, uid, gid, groups, home } = alice;
    assert.deepEqual(render['mapped_identity'], {
      local: { uname: name, uid, gid, gecos: '', shell: '/bin/sh', dir: home, groups },
      globus: { id: info['globus_matched_identity']['id'] },
    });
  });

  test('starts one for a name, however often it is asked', async () => {
    const began = Math.floor(Date.now() / 1000);
    const child = await site.command(mailOf(alice));
    const pid = await site.pidOf(child);
    await site.command(mailOf(alice), { childId: child, timestampS: began - 5 });
    await site.logged(new RegExp(`${child} is already running \\(pid: ${pid}\\); caching arguments`));
    assert.equal(await site.pidOf(child), pid);
    const other = await site.command(mailOf(alice));
    assert.notEqual(await site.pidOf(other), pid);
    await until('a heartbeat', () => site.reports.some(({ id, state }) => id === site.id
      && state['heartbeat_period'] === 5));
  });

  test('says once, and in full, why there is no user endpoint', async () => {
    const prefix = `Unable to start user endpoint process for ${bob.name} [exit code: `;
    const cases: [mode: string, text: string][] = [
      ['fails', '77; (ValidationError) 7 is not of type string]'],
      ['exits', '3; (ChildProcessError) the user endpoint\'s program ended before the user endpoint was up; its last '
        + 'words:\nmodule: no such module]'],
      ['talks', '0; (ChildProcessError) the user endpoint\'s program ended before the user endpoint was up]'],
      ['dies', '137; (ChildProcessError) the user endpoint was ended by SIGKILL before it was up]'],
      ['escapes', '78; (OSError) x\n\u001b[2Jforged]'],
    ];
    const started = await Promise.all(cases.map(async ([mode]) => await site.command(mailOf(bob), { mode })));
    for (const [i, [, text]] of cases.entries()) assert.equal(await site.notice(started[i] ?? ''), prefix + text);
    for (const id of started) assert.equal(site.reports.filter((one) => one.id === id).length, 1);
    assert.match(await site.logged(/Command return code: 77 \(\d+\) \[\(.*?\]/), /_start-user-endpoint/);
    assert.match(await site.log(), /x\\n\\\\u\{1b\}\[2Jforged/);
  });

  test('lets nobody in who is not mapped to somebody', async () => {
    const cases: [username: string, text: RegExp][] = [
      ['eve@elsewhere.org', /^Identity failed to map to a local user name\. {2}\(LookupError\) \n {2}Globus effective/],
      ['swyt-nobody-there@example.org', /^\(KeyError\)\n {2}Identity mapped to a local user name, but local user does/],
      ['root@example.org', /^\(InvalidUserError\) unexpected error; this is due to either/],
      ['daemon@example.org', /^\(InvalidUserError\) unexpected error/],
      ['-rf@example.org', /^\(KeyError\)/],
      ['../etc@example.org', /^\(KeyError\)/],
    ];
    const children = await Promise.all(cases.map(async ([username]) => await site.command(username)));
    for (const [i, [username, text]] of cases.entries()) {
      assert.match(await site.notice(children[i] ?? ''), text, username);
    }
    await site.logged(/Requested user is not allowed: root \(uid 0\) is the account/);
    await site.logged(/daemon has uid 1, which is below/);
  });

  test('refuses commands that are old, of another kind, forged or for somebody else', async () => {
    const child = randomUUID();
    const old = await site.command(mailOf(alice), { timestampS: Math.floor(Date.now() / 1000) - 200 });
    assert.match(await site.notice(old), /^Ignoring command from server\nCommand too old or skew/);
    const unnamed = await site.command(mailOf(alice), { change: (command) => ({ ...command, name: '../../etc' }) });
    assert.match(await site.notice(unnamed), /^\(InvalidCommandError\) unexpected error/);
    const foreign = await site.command(mailOf(alice), {
      change: (command) => ({ ...command, name: `uep.${site.id}.${child}` }),
    });
    assert.match(await site.notice(foreign), /^\(InvalidCommandError\) unexpected error/);

    const hers = await site.command(mailOf(alice));
    await site.pidOf(hers);
    await site.command(mailOf(bob), { childId: hers });
    assert.match(await site.notice(hers), /^\(InvalidUserError\) unexpected error/);
    await site.logged(new RegExp(`the user endpoint uep\\.${site.id}\\.${hers} belongs to identity`));

    await site.command(mailOf(alice), { contentType: 'text/plain' });
    await site.logged(/Unable to deserialize Globus Compute services command\. {2}\(wrong-field\) content type/);
    await site.command(mailOf(alice), { body: Buffer.alloc(5 * 1024 * 1024, ' ') });
    await site.logged(/\(too-large\) the command has \d+ bytes/);
  });

  test('does not follow a command that is sent again, and one that is asked for again', async () => {
    let sent: StartCommand | undefined;
    const child = randomUUID();
    const then = Math.floor(Date.now() / 1000) - 9;
    const again = async (timestampS: number): Promise<unknown> => await site.command(mailOf(bob), {
      childId: child, mode: 'idles', timestampS, change: (command) => (sent ??= command),
    });
    const runs = async (): Promise<number> =>
      (await site.log()).split('Creating new user endpoint').filter((one) => one.slice(0, 150).includes(child)).length;
    await again(then);
    await site.logged(new RegExp(`Command stopped normally \\(\\d+\\) \\[\\(${bob.name}, uep\\.[^)]*${child}`));
    await again(then);
    await site.logged(/Ignoring command from server: it came before, word for word/);
    assert.equal(await runs(), 1);
    await again(then + 1);
    await until('its second run', async () => await runs() === 2);
  });

  test('reads the administrator\'s files anew for each start', async () => {
    const template = site.file('user_config_template.yaml.j2');
    const environment = site.file('user_environment.yaml');
    const [text, variables] = [await readFile(template, 'utf8'), await readFile(environment, 'utf8')];
    try {
      await rm(template);
      assert.equal(await site.notice(await site.command(mailOf(bob))), 'Unable to start user endpoint process for '
        + `${bob.name} [exit code: 70; (FileNotFoundError) [Errno 2] No such file or directory: '${template}']`);
      await writeFile(template, text);
      await writeFile(environment, 'PATH: /usr/bin:/bin\n');
      assert.equal(await site.notice(await site.command(mailOf(bob))), 'Unable to start user endpoint process for '
        + `${bob.name} [exit code: 87; (FileNotFoundError) [Errno 2] No such file or directory: 'switchyard-endpoint' `
        + '(PATH: /usr/bin:/bin)]');
      await writeFile(environment, `PATH: ${alice.home}:/usr/bin\n`);
      assert.match(await site.notice(await site.command(mailOf(bob))),
        /\[exit code: 76; \(PermissionError\) PATH in user_environment\.yaml is not in root's hands alone: .* chown/);
      await writeFile(environment, 'PATH: "canary-3\n');
      const child = await site.command(mailOf(bob));
      await site.logged(/Not all variables were read from/);
      assert.match(await site.notice(child), /exit code: /);
    } finally {
      await writeFile(template, text);
      await writeFile(environment, variables);
    }
    assert.doesNotMatch(await site.log(), /canary/);
  });

  test('starts somewhere else when a home is not there', async () => {
    await rm(bob.home, { recursive: true });
    const child = await site.command(mailOf(bob));
    await site.pidOf(child);
    assert.equal(await site.seen(child, 'cwd'), '/\n');
  });

  test('starts fifty that are asked for at the same moment, and ends them all', async () => {
    const children = await Promise.all(Array.from({ length: 50 }, async (_, i) =>
      await site.command(mailOf(i % 2 === 0 ? alice : bob))));
    const pids = await Promise.all(children.map(async (child) => await site.pidOf(child)));
    assert.equal(new Set(pids).size, 50);
    assert.equal(await supervisor.stop(), 0);
    assert.deepEqual(pids.filter((pid) => isRunning(pid)), []);
    for (const child of children) assert.equal(await site.seen(child, 'ended'), 'ended\n');
    assert.deepEqual(site.reports.filter(({ id }) => id === site.id).at(-1)?.state, { heartbeat_period: 0 });
    assert.match(await site.log(), /Signaling shutdown of user endpoint \(PID: \d+, PGID: \d+, UID: \d+, GID: \d+,/);
    assert.match(await site.log(), /Shutdown complete\./);
  });
});
