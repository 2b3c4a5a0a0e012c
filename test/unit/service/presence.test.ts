import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatusReport } from '../../../src/amqp/messages.ts';
import type { JsonObject } from '../../../src/common/json.ts';
import { Presence, signOf } from '../../../src/service/presence.ts';

const ID = '01a1fec6-57b4-7288-a8fc-2cf773bc6074';
const NOW_S = 1_000;

function reportOf(state: JsonObject): StatusReport {
  return { type: 'ep_status_report', endpointId: ID, state, taskStatuses: {} };
}

test('a report says that its endpoint is there, that it goes, or that it failed', () => {
  const cases: [JsonObject, ReturnType<typeof signOf>][] = [
    [{ heartbeat_period: 30 }, { type: 'online', untilS: 1_080 }],
    [{ heartbeat_period: 5, active: true }, { type: 'online', untilS: 1_017.5 }],
    [{}, { type: 'online', untilS: 1_080 }],
    [{ heartbeat_period: -1 }, { type: 'online', untilS: 1_080 }],
    [{ heartbeat_period: 1e300 }, { type: 'online', untilS: 10_005 }],
    [{ heartbeat_period: 0 }, { type: 'offline' }],
    [{ heartbeat_period: 30, active: false }, { type: 'offline' }],
    [{ heartbeat_period: 3, error: 'no template' }, { type: 'error', text: 'no template' }],
    [{ error: { a: 1 } }, { type: 'error', text: 'the endpoint failed and did not say why' }],
    [{ error: null, heartbeat_period: 30 }, { type: 'online', untilS: 1_080 }],
  ];
  for (const [state, sign] of cases) assert.deepEqual(signOf(reportOf(state), NOW_S), sign, JSON.stringify(state));
});

test('an endpoint is online until its time is over', () => {
  const presence = new Presence();
  presence.report(reportOf({ heartbeat_period: 30, total_workers: 2 }), NOW_S);
  assert.deepEqual([presence.isOnline(ID, 1_079), presence.isOnline(ID, 1_080)], [true, false]);
  assert.deepEqual(presence.stateOf(ID, 1_001), { heartbeat_period: 30, total_workers: 2 });
  assert.equal(presence.stateOf(ID, 2_000), undefined);
  presence.forget(ID);
  assert.equal(presence.isOnline(ID, NOW_S), false);
});

test('a failure of one that is there leaves it until its next report is due', () => {
  const presence = new Presence();
  presence.report(reportOf({ error: 'x', heartbeat_period: 3 }), NOW_S);
  assert.equal(presence.isOnline(ID, NOW_S), false);
  presence.report(reportOf({ heartbeat_period: 30, total_workers: 2 }), NOW_S);
  const { stored } = presence.report(reportOf({ error: 'x', heartbeat_period: 3 }), NOW_S + 1);
  assert.deepEqual([presence.isOnline(ID, NOW_S + 35), presence.isOnline(ID, NOW_S + 36)], [true, false]);
  assert.deepEqual(stored, {
    id: ID, seenS: NOW_S, untilS: NOW_S + 36, report: '{"heartbeat_period":30,"total_workers":2}',
  });
  presence.report(reportOf({ heartbeat_period: 30 }), NOW_S + 30);
  assert.equal(presence.isOnline(ID, NOW_S + 100), true, 'it was the failure of another start');
});

test('one that goes without a word is named once; one that said so, was forgotten or came back, is not', () => {
  const presence = new Presence();
  const others = ['b', 'c', 'd'].map((letter) => ID.replaceAll('a', letter));
  const [gone, forgotten, back] = others;
  for (const id of [ID, ...others]) presence.report({ ...reportOf({ heartbeat_period: 30 }), endpointId: id }, NOW_S);
  presence.report({ ...reportOf({ active: false }), endpointId: gone ?? '' }, NOW_S + 1);
  presence.forget(forgotten ?? '');
  assert.deepEqual(presence.lapsed(NOW_S + 2), []);
  presence.report({ ...reportOf({ heartbeat_period: 30 }), endpointId: back ?? '' }, NOW_S + 80);
  assert.deepEqual(presence.lapsed(NOW_S + 81), [ID]);
  assert.deepEqual(presence.lapsed(NOW_S + 82), []);
  const restored = new Presence();
  restored.restore(ID, NOW_S, NOW_S + 10, {});
  assert.deepEqual(restored.lapsed(NOW_S + 11), [ID], 'while nobody was there to see it');
});

test('who waits for an endpoint hears of its coming or its failure, not of its going', async () => {
  const presence = new Presence();
  const [coming, failing, nothing] = [new AbortController(), new AbortController(), new AbortController()];
  const came = presence.next(ID, coming.signal);
  presence.report(reportOf({ active: false }), NOW_S);
  presence.report(reportOf({ heartbeat_period: 30 }), NOW_S);
  assert.equal((await came)?.type, 'online');
  const failed = presence.next(ID, failing.signal);
  presence.report(reportOf({ error: 'x' }), NOW_S);
  assert.deepEqual(await failed, { type: 'error', text: 'x' });
  const never = presence.next(ID, nothing.signal);
  nothing.abort();
  assert.equal(await never, undefined);
});
