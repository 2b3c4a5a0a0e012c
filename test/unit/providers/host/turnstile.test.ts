import assert from 'node:assert/strict';
import test from 'node:test';
import { Turnstile } from '../../../../providers/host/turnstile.ts';

const forever = new AbortController().signal;

test('who comes too many waits, first come first served', async () => {
  const turnstile = new Turnstile(2);
  const order: string[] = [];
  const leaves = [await turnstile.enter(forever), await turnstile.enter(forever)];
  const waiting = ['c', 'd'].map((name) => turnstile.enter(forever).then((leave) => {
    order.push(name);
    return leave;
  }));
  assert.equal(turnstile.inside, 2);
  leaves[0]?.();
  leaves[0]?.(); // once is enough
  const leave = await waiting[0];
  assert.deepEqual(order, ['c']);
  leave?.();
  (await waiting[1])?.();
  leaves[1]?.();
  assert.deepEqual([order, turnstile.inside], [['c', 'd'], 0]);
});

test('who gives up waits no more, and takes nobody\'s place', async () => {
  const turnstile = new Turnstile(1);
  const leave = await turnstile.enter(forever);
  const impatient = new AbortController();
  const given = turnstile.enter(impatient.signal);
  const next = turnstile.enter(forever);
  impatient.abort(new Error('late'));
  await assert.rejects(given, /late/);
  leave();
  (await next)();
  await assert.rejects(turnstile.enter(impatient.signal), /late/);
  assert.equal(turnstile.inside, 0);
});

test('a narrower one lets nobody in until enough have left', async () => {
  const turnstile = new Turnstile(3);
  const leaves = [await turnstile.enter(forever), await turnstile.enter(forever), await turnstile.enter(forever)];
  turnstile.narrow(0);
  let entered = false;
  const next = turnstile.enter(forever).then((leave) => {
    entered = true;
    return leave;
  });
  for (const leave of leaves.slice(0, 2)) {
    leave();
    await Promise.resolve();
    assert.equal(entered, false);
  }
  leaves[2]?.();
  (await next)();
  assert.equal(turnstile.inside, 0);
});
