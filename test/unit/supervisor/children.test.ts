import assert from 'node:assert/strict';
import test from 'node:test';
import { endpointQueues } from '../../../src/amqp/queue-info.ts';
import { silentLog } from '../../../src/common/log.ts';
import type { Account } from '../../../src/supervisor/accounts.ts';
import { Children, type StartOrder } from '../../../src/supervisor/children.ts';
import { StartFailed, type StartFailure } from '../../../src/supervisor/launch.ts';
import type { Ended, UserEndpointProcess } from '../../../src/supervisor/spawn.ts';
import { FakeClock, settle } from '../../fakes/clock.ts';

const alice: Account = {
  name: 'alice', uid: 1001, gid: 1001, gecos: '', directory: '/home/alice', shell: '/bin/sh', groups: [1001],
};
const bob: Account = { ...alice, name: 'bob', uid: 1002 };

class FakeProcess implements UserEndpointProcess {
  readonly pid: number;
  readonly order: StartOrder;
  readonly signals: string[] = [];
  readonly started: Promise<StartFailure | undefined>;
  readonly ended: Promise<Ended>;
  readonly vanished: Promise<void>;
  up: (failure?: StartFailure) => void = () => { /* set below */ };
  end: (ended: Ended) => void = () => { /* set below */ };

  constructor(pid: number, given: StartOrder) {
    this.pid = pid;
    this.order = given;
    this.started = new Promise((resolve) => { this.up = resolve; });
    this.ended = new Promise((resolve) => { this.end = resolve; });
    this.vanished = this.ended.then(() => { /* with its group */ });
  }

  terminate(): void { this.signals.push('TERM'); }
  kill(): void {
    this.signals.push('KILL');
    this.end({ code: null, signal: 'SIGKILL' });
  }
}

interface Options {
  readonly start?: (order: StartOrder) => Promise<never>;
  readonly again?: (account: Account) => Promise<Account | undefined>;
}

function childrenOf({ start, again = (account) => Promise.resolve(account) }: Options = {}) {
  const clock = new FakeClock();
  const processes: FakeProcess[] = [];
  const notices: string[] = [];
  const children = new Children({
    log: silentLog, clock, again, notify: (_, text) => { notices.push(text); },
    start: start ?? ((given) => {
      const process = new FakeProcess(100 + processes.length, given);
      processes.push(process);
      return Promise.resolve({ process, shown: 'switchyard-endpoint' });
    }),
  }, { graceMs: 30_000, atOnce: 4, waiting: 10, waitingPerUser: 5 });
  return { children, clock, processes, notices };
}

function order(name: string, account = alice, more: { options?: string; identity?: string } = {}): StartOrder {
  const { options = '', identity = account.name } = more;
  return {
    account, command: {
      username: account.name, effectiveIdentity: identity, identitySet: [], name, endpointId: name, args: [],
      userOptions: { options }, userRuntime: {}, queues: endpointQueues(name, 'amqp://h'),
    },
  };
}

function at<T>(list: readonly T[], index: number): T {
  const one = list[index];
  assert.ok(one !== undefined);
  return one;
}

test('one process for a name, also when it is asked for twice in the same moment', async () => {
  const { children, processes } = childrenOf();
  const answers = await Promise.all([children.request(order('a')), children.request(order('a'))]);
  assert.deepEqual(answers, [{ type: 'started' }, { type: 'running' }]);
  assert.deepEqual([processes.length, children.count], [1, 1]);
});

test('a name stays with the identity and the user that had it first', async () => {
  const { children, processes } = childrenOf();
  await children.request(order('a'));
  const foreign = await children.request(order('a', bob));
  assert.ok(foreign.type === 'refused' && foreign.notice.startsWith('(InvalidUserError) unexpected error'));
  const moved = await children.request(order('a', bob, { identity: 'alice' }));
  assert.ok(moved.type === 'refused' && moved.text.includes('belongs to user alice'));
  at(processes, 0).up();
  at(processes, 0).end({ code: 0, signal: null });
  await settle();
  assert.equal((await children.request(order('a', bob))).type, 'refused', 'also when it has ended');
  assert.equal((await children.request(order('a', bob, { identity: 'alice' }))).type, 'started', 'the map was edited');
});

test('ended in order while it is wanted, it is started again with what was asked last', async () => {
  const { children, processes, clock } = childrenOf();
  await children.request(order('a'));
  at(processes, 0).up();
  await children.request(order('a', alice, { options: 'second' }));
  await clock.advance(29_000);
  at(processes, 0).end({ code: 0, signal: null });
  await clock.advance(0);
  await settle();
  assert.equal(processes.length, 2);
  assert.deepEqual(at(processes, 1).order.command.userOptions, { options: 'second' });
});

test('it is not started again when it crashed, when nobody asked lately, or when its account is gone', async () => {
  const cases: [wait: number, ended: Ended, again: Account | undefined][] = [
    [0, { code: 1, signal: null }, alice], [0, { code: null, signal: 'SIGKILL' }, alice],
    [31_000, { code: 0, signal: null }, alice], [0, { code: 0, signal: null }, undefined],
  ];
  for (const [wait, ended, account] of cases) {
    const { children, processes, clock } = childrenOf({ again: () => Promise.resolve(account) });
    await children.request(order('a'));
    at(processes, 0).up();
    await children.request(order('a'));
    await clock.advance(wait);
    at(processes, 0).end(ended);
    await clock.advance(0);
    await settle();
    assert.deepEqual([processes.length, children.count], [1, 0]);
  }
});

test('a start that failed is told once, and after three in a row not tried again for a while', async () => {
  const { children, processes, notices, clock } = childrenOf();
  const text = 'Unable to start user endpoint process for alice [exit code: 77; (ValidationError) no]';
  for (const i of [0, 1, 2]) {
    await children.request(order('a'));
    at(processes, i).up({ step: 77, error: 'ValidationError', message: 'no' });
    at(processes, i).end({ code: 77, signal: null });
    await settle();
    assert.deepEqual(notices, Array.from({ length: i + 1 }, () => text));
  }
  const refused = await children.request(order('a'));
  assert.ok(refused.type === 'refused' && refused.notice === text);
  assert.equal((await children.request(order('b'))).type, 'started');
  await clock.advance(5_000);
  assert.equal((await children.request(order('a'))).type, 'started');
});

test('who asks while a failed start is still ending is answered, too', async () => {
  const { children, processes, notices } = childrenOf();
  await children.request(order('a'));
  await children.request(order('a'));
  at(processes, 0).up({ step: 1, error: 'OSError', message: 'no' });
  await settle();
  assert.equal(notices.length, 1, 'both have this answer');
  await children.request(order('a'));
  at(processes, 0).end({ code: 1, signal: null });
  await settle();
  assert.equal(processes.length, 2);
  at(processes, 1).up({ step: 1, error: 'OSError', message: 'no' });
  at(processes, 1).end({ code: 1, signal: null });
  await settle();
  await children.request(order('a'));
  at(processes, 2).up({ step: 1, error: 'OSError', message: 'no' });
  await settle();
  await children.request(order('a'));
  at(processes, 2).end({ code: 1, signal: null });
  await settle();
  assert.deepEqual([processes.length, notices.length], [3, 4], 'not tried again yet, and told so');
});

test('where there can be no process the user is told why, as far as it is theirs', async () => {
  const failing = childrenOf({
    start: () => Promise.reject(new StartFailed({ step: 70, error: 'FileNotFoundError', message: 'no such file' })),
  });
  assert.deepEqual(await failing.children.request(order('a')), {
    type: 'refused', notice: 'Unable to start user endpoint process for alice [exit code: 70; (FileNotFoundError) '
      + 'no such file]', text: 'Unable to start user endpoint process for alice [exit code: 70; (FileNotFoundError) '
      + 'no such file]',
  });
  const full = childrenOf({ start: () => Promise.reject(new Error('EAGAIN\nforged')) });
  assert.deepEqual(await full.children.request(order('a')), {
    type: 'refused', notice: 'General or unknown failure starting user endpoint',
    text: 'Unable to fork child process: (Error) Error: EAGAIN\\nforged',
  });
  assert.equal(full.children.count, 0);
});

test('one that takes its time to come up holds nobody up for long', async () => {
  const { children, processes, clock } = childrenOf();
  const names = ['a', 'b', 'c'];
  const answers = Promise.all(names.map(async (name) => await children.request(order(name))));
  await clock.advance(9_000);
  assert.equal(processes.length, 2, 'half of the slots');
  await clock.advance(1_001);
  assert.equal(processes.length, 3);
  await answers;
});

test('at the end each is told, waited for, and then ended', async () => {
  const { children, processes, clock } = childrenOf();
  for (const name of ['a', 'b']) {
    await children.request(order(name));
    at(processes, name === 'a' ? 0 : 1).up();
  }
  await children.request(order('a'));
  const closed = children.close(new AbortController().signal);
  await settle();
  assert.deepEqual(processes.map(({ signals }) => signals), [['TERM'], ['TERM']]);
  at(processes, 0).end({ code: 0, signal: null });
  await clock.advance(50_000);
  await closed;
  assert.deepEqual(processes.map(({ signals }) => signals), [['TERM'], ['TERM', 'KILL']]);
  assert.deepEqual([processes.length, children.count], [2, 0], 'nothing is started again');
});

test('in a hurry nobody is waited for', async () => {
  const { children, processes } = childrenOf();
  await children.request(order('a'));
  const hurry = new AbortController();
  const closed = children.close(hurry.signal);
  await settle();
  hurry.abort();
  await closed;
  assert.deepEqual(at(processes, 0).signals, ['TERM', 'KILL']);
});

test('one that is to end is told, then ended, and not started again', async () => {
  const { children, processes, clock } = childrenOf();
  await children.request(order('a'));
  await children.request(order('b', bob));
  assert.deepEqual(children.running.map(({ command: { name } }) => name), ['a', 'b']);
  for (const one of processes) one.up();
  for (const one of [order('a'), order('b', bob)]) await children.request(one);
  const ended = [children.end('a'), children.end('b'), children.end('nobody')];
  await settle();
  assert.deepEqual(processes.map(({ signals }) => signals), [['TERM'], ['TERM']]);
  // In order, just when it was wanted.
  at(processes, 0).end({ code: 0, signal: null });
  await clock.advance(50_000);
  await Promise.all(ended);
  await settle();
  assert.deepEqual([at(processes, 1).signals, processes.length, children.count], [['TERM', 'KILL'], 2, 0]);
});
