import assert from 'node:assert/strict';
import test from 'node:test';
import { connectFailure } from '../../../src/amqp/connect-failure.ts';
import { heartbeatKey, publishedWith, resultKey, straightKey, streamQueue } from '../../../src/amqp/names.ts';
import { Recent } from '../../../src/amqp/recent.ts';
import { brokerUrl, parseBrokerUrl } from '../../../src/amqp/url.ts';
import { ComputeError } from '../../../src/common/errors.ts';

test('a broker\'s URL is read with its defaults and its escapes', () => {
  assert.deepEqual(parseBrokerUrl('amqp://a%40b:p%2Fw@host/v%2Fh'), {
    protocol: 'amqp', hostname: 'host', port: 5672, username: 'a@b', password: 'p/w', vhost: 'v/h',
    shown: 'amqp://host:5672/v/h',
  });
  assert.deepEqual(parseBrokerUrl('amqps://[::1]'), {
    protocol: 'amqps', hostname: '::1', port: 5671, username: 'guest', password: 'guest', vhost: '/',
    shown: 'amqps://[::1]:5671',
  });
  assert.equal(parseBrokerUrl('amqp://h:7/').vhost, '/');
  assert.equal(parseBrokerUrl('amqp://h:7/%2F').vhost, '/');
});

test('what is no broker\'s URL is refused without repeating the password', () => {
  for (const [url, text] of [
    ['secret', /not a URL/], ['http://u:secret@h', /expected amqp or amqps, found http/], ['amqp://', /names no host/],
    ['amqp://u:secret%@h', /no escape/],
  ] as const) {
    assert.throws(() => parseBrokerUrl(url), (error) => error instanceof ComputeError
      && error.code === 'CONFIG_INVALID' && text.test(error.message) && !error.message.includes('secret'), url);
  }
});

test('somebody else\'s way to the same broker differs in user and password alone', () => {
  const url = brokerUrl('amqps://x:y@h:1/v%2Fh', { username: 'endpoint.1', password: 'a:b@c/d' });
  assert.equal(url, 'amqps://endpoint.1:a%3Ab%40c%2Fd@h:1/v%2Fh');
  assert.deepEqual({ ...parseBrokerUrl(url), shown: '' }, {
    protocol: 'amqps', hostname: 'h', port: 1, username: 'endpoint.1', password: 'a:b@c/d', vhost: 'v/h', shown: '',
  });
  assert.equal(brokerUrl('amqp://x:y@h', { username: '', password: '' }), 'amqp://h');
});

test('a failed attempt says what to do, and whether another helps', () => {
  const address = parseBrokerUrl('amqps://eve:secret@h/v');
  const failed = (message: string, code?: string): string => {
    const { code: ours, message: text } = connectFailure(Object.assign(new Error(message), { code }), address);
    assert.doesNotMatch(text, /secret/);
    return `${ours} ${text}`;
  };
  assert.match(failed('Handshake terminated by server: 403 (ACCESS-REFUSED) with message "x"'),
    /BROKER_REFUSED .*refuses user eve: its password is wrong/);
  assert.match(failed('Expected ConnectionOpenOk; got <ConnectionClose channel:0>'),
    /BROKER_REFUSED .*no virtual host "v" for user eve/);
  assert.match(failed('x', 'DEPTH_ZERO_SELF_SIGNED_CERT'), /BROKER_REFUSED .*not trusted.*NODE_EXTRA_CA_CERTS/);
  assert.match(failed('x', 'CERT_HAS_EXPIRED'), /BROKER_REFUSED .*CERT_HAS_EXPIRED/);
  assert.match(failed('x', 'ERR_SSL_WRONG_VERSION_NUMBER'), /BROKER_REFUSED .*does not speak TLS/);
  for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'ABORT_ERR', 'ETIMEDOUT']) {
    assert.match(failed('x', code), /BROKER_UNREACHABLE no broker answers at amqps:\/\/h:5671\/v: is it running/);
  }
});

test('a routing key names its endpoint, and only as the service gave it out', () => {
  const id = '44cf4d6a-7a3c-4f9b-9d4e-0c6c4dd0a5a1';
  const group = '5d1e6c1e-4d0b-4a55-8a9c-0d5c2f6f0f10';
  for (const key of [resultKey(id), heartbeatKey(id)]) {
    assert.deepEqual(publishedWith(key), { endpoint: id, straightTo: undefined });
  }
  assert.deepEqual(publishedWith(straightKey(resultKey(id), group)), { endpoint: id, straightTo: group });
  for (const key of ['results', `${id}.tasks`, `x.${id}.results`, `${id}.results.x`, '', '*.results',
    `${heartbeatKey(id)}.${group}`, `${id}.results.${group}.x`]) {
    assert.equal(publishedWith(key), undefined, key);
  }
  assert.equal(streamQueue(id, 'group'), `${id}.groups.group`);
});

test('the last so many are remembered, and memory is bounded', () => {
  const recent = new Recent(10);
  for (let i = 0; i < 1_000; i++) {
    recent.add(`m${i}`);
    for (let back = 0; back < Math.min(i, 10); back++) assert.ok(recent.has(`m${i - back}`));
  }
  assert.ok(!recent.has('m900'));
});
