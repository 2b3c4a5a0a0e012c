import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../fakes/clock.ts';
import { ComputeError } from '../../../src/common/errors.ts';
import type { TaskState } from '../../../src/sdk/answers.ts';
import { LookUps } from '../../../src/sdk/look-ups.ts';

/** A service that is asked, and open tasks that its answers settle. */
class Desk {
  readonly clock = new FakeClock();
  readonly asked: number[] = [];
  readonly ended = new Set<string>();
  readonly refusals: ComputeError[] = [];
  open: string[];
  isReading = true;
  failure: ComputeError | undefined;
  readonly lookUps: LookUps;

  constructor(count: number) {
    this.open = Array.from({ length: count }, (_, i) => String(i));
    const taskStates = async (ids: readonly string[]): Promise<Map<string, TaskState>> => {
      this.asked.push(ids.length);
      if (this.failure !== undefined) throw this.failure;
      return new Map(ids.map((id) => [id, this.ended.has(id)
        ? { state: 'done', data: '', completedAtMs: 0, details: {} } : { state: 'open', status: 'received' }]));
    };
    this.lookUps = new LookUps({
      client: { taskStates }, open: () => this.open, isReading: () => this.isReading, clock: this.clock,
      onState: (id, { state }) => { if (state !== 'open') this.open = this.open.filter((one) => one !== id); },
      onRefused: (error) => { this.refusals.push(error); },
    });
    this.lookUps.start();
  }

  /** How many questions these seconds brought. */
  async seconds(count: number): Promise<number> {
    const before = this.asked.length;
    await this.clock.advance(count * 1000);
    return this.asked.length - before;
  }
}

test('nobody is asked while results come', async () => {
  const desk = new Desk(3);
  for (let i = 0; i < 10; i++) {
    assert.equal(await desk.seconds(20), 0);
    desk.lookUps.onNews();
  }
  await desk.lookUps.close();
});

test('silence is asked about, ever more rarely, until something is found', async () => {
  const desk = new Desk(3);
  assert.deepEqual([await desk.seconds(31), await desk.seconds(50), await desk.seconds(15)], [1, 0, 1]);
  desk.ended.add('1');
  assert.equal(await desk.seconds(125), 1);
  assert.deepEqual(desk.open, ['0', '2']);
  assert.equal(await desk.seconds(31), 1);
  await desk.lookUps.close();
});

test('after a gap all that is open is asked for soon, some at a time, whatever comes meanwhile', async () => {
  const desk = new Desk(2500);
  await desk.seconds(1);
  desk.lookUps.onGap();
  desk.lookUps.onNews();
  await desk.seconds(2);
  assert.deepEqual(desk.asked, [1000, 1000, 500]);
  await desk.lookUps.close();
});

test('without a stream it is asked all the time', async () => {
  const desk = new Desk(1);
  desk.isReading = false;
  assert.ok(await desk.seconds(60) >= 4);
  desk.open = [];
  assert.equal(await desk.seconds(60), 0, 'and for nothing not at all');
  await desk.lookUps.close();
});

test('a service that is away is asked again, one that refuses has spoken', async () => {
  const desk = new Desk(1);
  desk.failure = new ComputeError('SERVICE_UNREACHABLE', 'away');
  await desk.seconds(100);
  assert.deepEqual([desk.asked.length, desk.refusals], [2, []]);
  desk.failure = new ComputeError('LOGIN_NEEDED', 'withdrawn');
  await desk.seconds(125);
  assert.deepEqual(desk.refusals.map(({ code }) => code), ['LOGIN_NEEDED']);
  await desk.lookUps.close();
  assert.equal(await desk.seconds(1000), 0);
});
