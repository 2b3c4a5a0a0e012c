import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Site, id, withSite } from '../../../fakes/site.ts';

test('init_blocks are submitted at once, before any time has passed', () =>
  withSite({ policy: { init_blocks: 3, max_blocks: 3 } }, async ({ provider }) => {
    assert.equal(provider.submitted.length, 3);
    assert.deepEqual(provider.submitted.map(({ name }) => name), ['block-0', 'block-1', 'block-2']);
  }));

test('init_blocks 1 with max_blocks 0 is one block that is never given back and never replaced', () =>
  withSite({ policy: { max_blocks: 0 } }, async (site) => {
    await site.connect(0);
    await site.tick(1_000_000);
    assert.equal(site.provider.submitted.length, 1);
    assert.deepEqual(site.provider.cancelled, []);
    await site.close();
    assert.deepEqual(site.provider.cancelled, ['job-0']);
    assert.deepEqual(site.scaler.status().map(({ state, reason }) => [state, reason]), [['cancelled', 'closed']]);
  }));

test('demand is answered at once, up to max_blocks, and then left alone', () =>
  withSite({ policy: { init_blocks: 0, max_blocks: 5 } }, async (site) => {
    await site.demand(10);
    assert.equal(site.provider.submitted.length, 5);
    await site.tick(600_000);
    assert.equal(site.provider.submitted.length, 5);
    assert.deepEqual(site.provider.cancelled, []);
  }));

test('min_blocks stay when the tasks are gone, the others are drained, and cancelled if they stay', () =>
  withSite({ policy: { init_blocks: 0, min_blocks: 2, max_blocks: 5 } }, async (site) => {
    await site.demand(10);
    for (let n = 0; n < 5; n += 1) await site.connect(n, 2);
    site.waiting = 0;
    for (let n = 0; n < 5; n += 1) await site.connect(n, 0);
    await site.tick(119_000);
    assert.deepEqual(site.drained, []);
    await site.tick(2_000);
    assert.equal(site.drained.length, 3);
    assert.deepEqual(site.provider.cancelled, []);
    const [leaver = id(0), ...stayers] = site.drained;
    await site.die(Number(leaver), 0);
    await site.tick(40_000);
    assert.deepEqual(new Set(site.provider.cancelled), new Set(stayers.map((block: string) => `job-${block}`)));
    assert.equal(site.provider.live().length, 2);
    await site.tick(600_000);
    assert.equal(site.provider.submitted.length, 5);
    assert.equal(site.provider.live().length, 2);
    assert.deepEqual(site.failures, []);
  }));

test('min_blocks whose walltime ends are replaced while there is nothing to do', () =>
  withSite({ policy: { init_blocks: 1, min_blocks: 1 } }, async (site) => {
    await site.connect(0);
    await site.tick(70_000);
    site.managers = [];
    site.provider.set('job-0', { state: 'timeout' });
    await site.tick(100);
    assert.equal(site.provider.submitted.length, 2);
  }));

const five = { policy: { init_blocks: 0, max_blocks: 5 } };

test('htex_auto_scale goes from five busy blocks to the one that works, then to none, and harms no task', () =>
  withSite({ ...five, strategy: 'htex_auto_scale', max_idletime: 10 }, async (site) => {
    await site.demand(5);
    site.waiting = 0;
    for (let n = 0; n < 5; n += 1) await site.connect(n, 1);
    for (const n of [0, 1, 3, 4]) await site.connect(n, 0);
    await site.tick(60_000);
    assert.deepEqual(site.provider.live(), ['job-2']);
    await site.tick(60_000);
    assert.deepEqual(site.provider.live(), ['job-2']);
    await site.connect(2, 0);
    await site.tick(60_000);
    assert.deepEqual(site.provider.live(), []);
    assert.equal(site.provider.submitted.length, 5);
  }));

test('a block that was told to drain is not cancelled while it holds a task', () =>
  withSite({ policy: { init_blocks: 1 }, max_idletime: 10 }, async (site) => {
    await site.connect(0, 0);
    await site.tick(9_000);
    site.scaler.poke();
    await site.tick(2_000);
    assert.deepEqual(site.drained, [id(0)]);
    await site.connect(0, 1);
    await site.tick(500_000);
    assert.deepEqual(site.provider.cancelled, []);
    await site.connect(0, 0);
    await site.tick(40_000);
    assert.deepEqual(site.provider.cancelled, ['job-0']);
  }));

test('a block that never connected is given back when there is nothing to do, and is no failure', () =>
  withSite({ policy: { init_blocks: 1 }, max_idletime: 10 }, async (site) => {
    site.provider.set('job-0', { state: 'running' });
    await site.tick(11_000);
    assert.deepEqual(site.provider.cancelled, ['job-0']);
    await site.tick(600_000);
    assert.deepEqual(site.failures, []);
    await site.demand(1);
    assert.equal(site.provider.submitted.length, 2);
  }));

test('one task is one submission, however rarely the scheduler is asked', () =>
  withSite({ policy: { init_blocks: 0 }, strategy_period: 0.1 }, async (site) => {
    await site.demand(1);
    await site.tick(300_000);
    assert.equal(site.provider.submitted.length, 1);
    assert.ok(site.provider.statusCalls <= 2);
  }, 600_000));

test('held and unknown jobs have their place', () =>
  withSite({ policy: { init_blocks: 2, max_blocks: 2 } }, async (site) => {
    site.provider.set('job-0', { state: 'held', reason: 'JobHeldUser' });
    site.provider.set('job-1', { state: 'unknown' });
    await site.demand(100);
    await site.tick(60_000);
    assert.equal(site.provider.submitted.length, 2);
    assert.deepEqual(site.states(), ['held', 'unknown']);
    assert.equal(site.scaler.status()[0]?.reason, 'JobHeldUser');
  }));

test('a status command that fails changes nothing, and neither does a job without an answer', () =>
  withSite({ policy: { init_blocks: 2, max_blocks: 2 } }, async (site) => {
    await site.demand(10);
    await site.connect(0, 1);
    site.provider.statusFails = true;
    await site.tick(300_000);
    assert.deepEqual(site.states(), ['running', 'pending']);
    site.provider.statusFails = false;
    site.provider.jobs.delete('job-1');
    await site.tick(300_000);
    assert.deepEqual(site.states(), ['running', 'pending']);
    assert.equal(site.provider.submitted.length, 2);
    site.provider.jobs.set('job-1', { state: 'pending' });
  }));

test('a job the scheduler has forgotten runs as long as its managers say so', () => withSite({}, async (site) => {
  await site.demand(5);
  await site.connect(0, 1);
  site.provider.jobs.set('job-0', { state: 'missing' });
  await site.tick(100_000);
  assert.deepEqual(site.states(), ['running']);
  site.managers = [];
  await site.tick(10_000);
  assert.equal(site.scaler.status()[0]?.state, 'missing');
  assert.equal(site.provider.submitted.length, 2);
}));

test('when the first blocks end without a manager the waiting tasks end with the last one\'s own story', () =>
  withSite({ policy: { init_blocks: 2, max_blocks: 2 } }, async (site) => {
    await site.demand(5);
    await site.die(0, 0);
    assert.equal(site.failures.length, 0);
    await site.die(1, 127);
    assert.equal(site.failures.length, 1);
    assert.equal(site.failures[0]?.code, 'BLOCKS_FAILED');
    assert.match(site.told(), /^2 blocks in a row failed before a manager connected; block 1 \(job job-1\) ended/);
    assert.match(site.told(), /ended: exit code 127;/);
    assert.match(site.told(), /its files are in \/run\/blocks\/1; check worker_init/);
    assert.match(site.told(), /\nstderr of block 1 \(job job-1\):\nstderr of job-1$/);
    await site.tick(3_600_000);
    assert.equal(site.failures.length, 1);
    assert.equal(site.provider.submitted.length, 2);
  }));

test('worker_init that exits with 0 is a failure, too, and one block is all it costs', () =>
  withSite({}, async (site) => {
    await site.demand(1);
    await site.die(0, 0);
    assert.match(site.told(), /a block failed .* exit code 0/);
    assert.equal(site.provider.submitted.length, 1);
  }));

test('a submit that is refused ends the tasks, and says what the scheduler said', async () => {
  const site = new Site();
  site.provider.submitFails = true;
  site.waiting = 1;
  await site.scaler.start();
  await site.tick(100);
  assert.match(site.told(), /block 0 ended: sbatch: invalid account; check the provider's keys/);
  assert.deepEqual(site.states(), ['failed']);
  await site.close();
});

test('a block whose files cannot be written counts as one that was refused', async () => {
  const site = new Site({ prepareFails: true });
  site.waiting = 1;
  await site.scaler.start();
  await site.tick(100);
  assert.match(site.told(), /block 0 ended: no space left/);
  assert.equal(site.provider.submitted.length, 0);
  await site.close();
});

test('after a failure new tasks are worth another try, later and later, and each time one block', () =>
  withSite({ policy: { init_blocks: 0, max_blocks: 10 } }, async (site) => {
    site.provider.submitFails = true;
    for (let n = 0; n < 12; n += 1) {
      const before = site.provider.submitted.length;
      site.waiting = 10;
      while (site.provider.submitted.length === before) await site.tick(500);
      await site.tick(100);
      assert.equal(site.provider.submitted.length, before + 1);
      assert.equal(site.failures.length, n + 1);
    }
    const at = site.scaler.status().map(({ submittedAtMs }) => submittedAtMs);
    const gaps = at.slice(1).map((time, n) => Math.round((time - (at[n] ?? 0)) / 1000));
    assert.deepEqual(gaps, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    site.provider.submitFails = false;
    site.waiting = 10;
    await site.tick(300_000);
    assert.equal(site.provider.submitted.length, 13);
    await site.connect(12);
    assert.equal(site.provider.live().length, 10);
  }));

test('a success does not excuse later failures for ever', () =>
  withSite({ policy: { init_blocks: 1 } }, async (site) => {
    await site.demand(3);
    await site.connect(0, 1);
    await site.tick(100_000);
    await site.die(0, 0);
    assert.equal(site.provider.submitted.length, 2);
    await site.die(1, 1);
    assert.equal(site.failures.length, 1);
  }));

test('a block that is killed is replaced at once, and if it happens again, after a while', () =>
  withSite({ policy: { init_blocks: 1 } }, async (site) => {
    await site.demand(3);
    await site.connect(0, 1);
    await site.die(0, 137);
    assert.equal(site.provider.submitted.length, 2);
    await site.connect(1, 1);
    await site.die(1, 137);
    assert.equal(site.provider.submitted.length, 2);
    await site.tick(1_000);
    assert.equal(site.provider.submitted.length, 3);
    assert.deepEqual(site.failures, []);
    await site.connect(2, 1);
    await site.tick(70_000);
    await site.die(2, 137);
    assert.equal(site.provider.submitted.length, 4);
  }));

test('blocks that connect and crash, one after the other, end the tasks in the end', () =>
  withSite({}, async (site) => {
    for (let n = 0; n < 5; n += 1) {
      await site.demand(3);
      while (site.provider.jobs.size <= n) await site.tick(1_000);
      await site.connect(n, 1);
      await site.die(n, 139);
    }
    assert.match(site.told(), /^5 blocks in a row failed soon after managers had connected; block 4 .*exit code 139/);
  }));

test('with block_error_handler false failing blocks end no task', () =>
  withSite({ block_error_handler: false }, async (site) => {
    await site.demand(1);
    await site.die(0);
    await site.tick(2_000);
    await site.die(1);
    await site.tick(60_000);
    assert.deepEqual(site.failures, []);
    assert.equal(site.provider.submitted.length, 3);
  }));

test('tasks that no block will ever come for are ended, each time anew', () =>
  withSite({ strategy: 'none' }, async (site) => {
    await site.connect(0, 1);
    await site.tick(100_000);
    await site.die(0, 0);
    assert.deepEqual(site.failures, []);
    await site.demand(2);
    assert.match(site.told(), /no block is left/);
    await site.tick(10_000);
    await site.demand(1);
    assert.equal(site.failures.length, 2);
  }));

test('a cancel that fails is tried again, and one that does not help is forced', () =>
  withSite({ policy: { init_blocks: 1 }, max_idletime: 10 }, async (site) => {
    site.provider.cancelFails = true;
    await site.tick(11_000);
    assert.deepEqual(site.states(), ['pending']);
    Object.assign(site.provider, { cancelFails: false, cancelIsSlow: true });
    await site.tick(10_000);
    assert.deepEqual(site.provider.cancelled, ['job-0']);
    await site.tick(45_000);
    assert.deepEqual(site.provider.forced, []);
    await site.tick(20_000);
    assert.deepEqual(site.provider.forced, ['job-0']);
    await site.tick(5_000);
    assert.deepEqual(site.states(), ['cancelled']);
  }));

test('close cancels every job, waits for them, and kills what stays', async () => {
  const site = new Site({ policy: { init_blocks: 3, max_blocks: 3 } });
  await site.scaler.start();
  site.provider.cancelIsSlow = true;
  await site.close();
  assert.deepEqual(site.provider.cancelled, ['job-0', 'job-1', 'job-2']);
  assert.deepEqual(site.provider.forced, ['job-0', 'job-1', 'job-2']);
  assert.deepEqual(site.provider.live(), []);
  await site.scaler.close();
});

test('close before the first blocks are submitted leaves none behind', async () => {
  const site = new Site({ policy: { init_blocks: 50, max_blocks: 50 } });
  const started = site.scaler.start();
  await site.close();
  await started;
  assert.ok(site.provider.submitted.length < 50);
  assert.deepEqual(site.provider.live(), []);
});

test('an idle scaler asks and does next to nothing', () =>
  withSite({ policy: { init_blocks: 1, min_blocks: 1 } }, async (site) => {
    await site.connect(0);
    const { statusCalls } = site.provider;
    await site.tick(600_000);
    assert.ok(site.provider.statusCalls - statusCalls <= 121);
    assert.equal(site.provider.submitted.length, 1);
  }));

const SAID = ['held', 'unknown', 'missing', 'timeout'] as const;
const TROUBLES = ['submitFails', 'statusFails', 'cancelFails', 'cancelIsSlow'] as const;

const events = fc.array(fc.oneof(
  fc.record({ type: fc.constant('demand' as const), tasks: fc.nat(20) }),
  fc.record({ type: fc.constant('connect' as const), nth: fc.nat(5), held: fc.nat(2) }),
  fc.record({ type: fc.constant('die' as const), nth: fc.nat(5), exitCode: fc.constantFrom(0, 1, 137) }),
  fc.record({ type: fc.constant('say' as const), nth: fc.nat(5), state: fc.constantFrom(...SAID) }),
  fc.record({ type: fc.constant('trouble' as const), what: fc.constantFrom(...TROUBLES), on: fc.boolean() }),
  fc.record({ type: fc.constant('pass' as const), seconds: fc.integer({ min: 1, max: 200 }) }),
), { maxLength: 30 });
type Event = typeof events extends fc.Arbitrary<(infer E)[]> ? E : never;

async function happen(site: Site, event: Event): Promise<void> {
  const nth = 'nth' in event ? site.provider.live()[event.nth] : undefined;
  const block = Number(nth?.slice('job-'.length));
  switch (event.type) {
    case 'demand': return site.demand(event.tasks);
    case 'pass': return site.tick(event.seconds * 1000);
    case 'connect': return nth === undefined ? undefined : site.connect(block, event.held);
    case 'die': return nth === undefined ? undefined : site.die(block, event.exitCode);
    case 'say': return nth === undefined ? undefined : site.provider.set(nth, { state: event.state });
    case 'trouble': site.provider[event.what] = event.on;
  }
}

for (const strategy of ['simple', 'htex_auto_scale'] as const) {
  test(`${strategy}: whatever happens, max_blocks is never exceeded, and then nothing is asked for`, async () => {
    const policies = fc.record({
      max_blocks: fc.integer({ min: 1, max: 5 }), min: fc.nat(5), init: fc.nat(5),
      workersPerNode: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(fc.asyncProperty(policies, events, async ({ max_blocks, min, init, workersPerNode }, story) => {
      const policy = { max_blocks, min_blocks: Math.min(min, max_blocks), init_blocks: Math.min(init, max_blocks) };
      const site = new Site({ policy, workersPerNode, strategy });
      await site.scaler.start();
      for (const event of story) await happen(site, event);
      Object.assign(site.provider, { submitFails: false, statusFails: false, cancelFails: false, cancelIsSlow: false });
      await site.tick(700_000);
      for (const job of site.provider.live()) await site.connect(Number(job.slice('job-'.length)), 1);
      await site.tick(700_000);
      const { submitted, cancelled } = site.provider;
      const settled = [submitted.length, cancelled.length];
      await site.tick(1_000_000);
      assert.deepEqual([submitted.length, cancelled.length], settled);
      assert.ok(site.provider.liveMax <= max_blocks);
      await site.close();
      assert.deepEqual(site.provider.live(), []);
    }), { numRuns: 40 });
  });
}
