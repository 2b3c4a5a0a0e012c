// How user endpoints come to an end, and supervisors: in order, by force, and by the loss of the other.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { localAccount, type LocalAccount } from '../local-account.ts';
import { isRunning, until } from './harness.ts';
import { mailOf, SupervisorSite } from './supervisor-site.ts';

// The same words of the same second are taken for a replay.
const nowS = (): number => Math.floor(Date.now() / 1000);

suite('the end of supervisors and of what they started', { concurrency: 3 }, () => {
  let alice: LocalAccount;
  let bob: LocalAccount;
  before(async () => { [alice, bob] = await Promise.all([localAccount(), localAccount()]); });
  after(async () => { for (const account of [alice, bob]) await account[Symbol.asyncDispose](); });

  const gone = async (pid: number, withinMs?: number): Promise<unknown> =>
    await until(`the end of ${pid}`, () => !isRunning(pid), withinMs);
  const made = async (site: SupervisorSite, child: string, count: number): Promise<unknown> =>
    await until(`start ${count} of ${child}`, async () => (await site.log()).split('Creating new user endpoint')
      .filter((rest) => rest.slice(0, 150).includes(child)).length === count);

  test('one that ended just when it was wanted is started again, and one that crashed is not', async () => {
    await using site = await SupervisorSite.open();
    await site.start({ config: { mu_child_ep_grace_period_s: 20 } });
    const began = nowS();
    const child = await site.command(mailOf(alice));
    const pid = await site.pidOf(child);
    await site.command(mailOf(alice), { childId: child, change: (command) => ({ ...command, args: ['again'] }) });
    await site.logged(/caching arguments in case it's about to shut down/);
    process.kill(pid, 'SIGTERM');
    await site.logged(/User EP stopped within grace period; using cached arguments to start a new instance/);
    await made(site, child, 2);
    await until('the arguments of the second request', async () => (await site.seen(child, 'args')).includes(' again'));
    const second = await until('another process', async () => {
      const now = await site.pidOf(child);
      return now !== pid && now;
    });

    await site.command(mailOf(alice), { childId: child, timestampS: began - 1 });
    await until('the reminder', async () => (await site.log()).split('caching arguments').length === 3);
    process.kill(second, 'SIGKILL');
    await site.logged(new RegExp(`Command terminated by signal: SIGKILL \\(${second}\\)`));
    // Whoever asks gets another.
    await site.command(mailOf(alice), { childId: child, timestampS: began - 2 });
    await made(site, child, 3);
  });

  test('what only fails is not started over and over', async () => {
    await using site = await SupervisorSite.open();
    await site.start();
    const began = nowS();
    const child = await site.command(mailOf(bob), { mode: 'exits' });
    for (const count of [1, 2, 3]) {
      await until(`notice ${count}`, () => site.reports.filter(({ id }) => id === child).length === count);
      await site.command(mailOf(bob), {
        childId: child, mode: 'exits', timestampS: began - count,
      });
    }
    await until('the last notice', () => site.reports.filter(({ id }) => id === child).length === 4);
    assert.match(await site.notice(child), /exit code: 3; /);
    await made(site, child, 3);
    await site.logged(/not tried again yet: Unable to start user endpoint process for/);
  });

  test('a user who ends or stops his own leaves the others alone', async () => {
    await using site = await SupervisorSite.open();
    const supervisor = await site.start();
    const [hers, his] = await Promise.all([site.command(mailOf(alice)), site.command(mailOf(bob))]);
    const [herPid, hisPid] = [await site.pidOf(hers), await site.pidOf(his)];
    process.kill(hisPid, 'SIGSTOP');
    const another = await site.command(mailOf(alice));
    await site.pidOf(another);
    process.kill(hisPid, 'SIGKILL');
    await site.logged(new RegExp(`Command terminated by signal: SIGKILL \\(${hisPid}\\)`));
    assert.ok(isRunning(herPid) && isRunning(supervisor.pid));
  });

  test('killed, it takes every user endpoint with it, and its successor serves again', async () => {
    await using site = await SupervisorSite.open();
    const first = await site.start();
    const children = await Promise.all([alice, bob].map(async (one) => await site.command(mailOf(one))));
    const pids = await Promise.all(children.map(async (child) => await site.pidOf(child)));
    await first.stop('SIGKILL');
    for (const pid of pids) await gone(pid, 5_000);
    for (const child of children) assert.equal(await site.seen(child, 'ended'), 'ended\n');
    await site.start();
    const [child = ''] = children;
    await site.command(mailOf(alice), { childId: child });
    const second = await until('another process', async () => {
      const now = await site.pidOf(child);
      return !pids.includes(now) && now;
    });
    assert.ok(isRunning(second));
  });

  test('of two with the same queue the second does not serve', async () => {
    await using site = await SupervisorSite.open();
    await site.start();
    await assert.rejects(site.start(), /"failed".*Another instance of it may be running/);
  });

  test('asked twice it kills what does not end, and never itself; its helpers go, too', async () => {
    await using site = await SupervisorSite.open();
    const supervisor = await site.start();
    const hanging = await site.command(mailOf(alice), { mode: 'hangs' });
    const leaving = await site.command(mailOf(bob), { mode: 'leaves' });
    const pids = [await site.pidOf(hanging), await site.pidOf(leaving)];
    const group = (pid: number): number[] => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim().split(' ').filter((one) => one !== '').map(Number);
    const helpers = await until('its helpers', () => pids.every((pid) => group(pid).length > 0) && pids.flatMap(group));
    process.kill(supervisor.pid, 'SIGQUIT');
    await site.logged(/Signaling shutdown of user endpoint/);
    assert.equal(await supervisor.stop('SIGINT'), 0);
    for (const pid of [...pids, ...helpers]) await gone(pid);
    assert.match(await site.log(), /Forcibly killing of user endpoint/);
    assert.match(await site.log(), /---------- Endpoint Manager ends: /);
  });

  test('whoever started it and goes away ends it', async () => {
    await using site = await SupervisorSite.open();
    const supervisor = await site.start();
    const pid = await site.pidOf(await site.command(mailOf(alice)));
    supervisor.release();
    assert.equal(await supervisor.ended, 0);
    await gone(pid);
  });

  test('an edit of the identity map counts for the next who asks, and for those who are in', async () => {
    await using site = await SupervisorSite.open();
    await site.start();
    const [hers, his] = await Promise.all([site.command(mailOf(alice)), site.command(mailOf(bob))]);
    const [herPid, hisPid] = [await site.pidOf(hers), await site.pidOf(his)];
    const map = await readFile(site.file('map.json'), 'utf8');
    await writeFile(site.file('map.json'), map.replace('(.*)@', `(${bob.name})@`));
    await site.logged(/Identity mapping configuration change detected; rereading/);
    await gone(herPid);
    await site.logged(new RegExp(`Ending user endpoint: identity \\S+ is not mapped to ${alice.name} any more`));
    assert.ok(isRunning(hisPid));
    assert.match(await site.notice(await site.command(mailOf(alice))), /failed to map to a local user name/);
  });
});
