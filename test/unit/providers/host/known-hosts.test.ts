import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import test from 'node:test';
import {
  fingerprint, judge, knownName, knownTypes, parseKnownHosts, typeOfKey, type KnownHost,
} from '../../../../providers/host/known-hosts.ts';

/** A key as it travels: its type, then whatever. */
function keyOf(type: string, rest: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), Buffer.from(rest)]);
}

const [mine, other, rsa] = [keyOf('ssh-ed25519', 'mine'), keyOf('ssh-ed25519', 'other'), keyOf('ssh-rsa', 'rsa')];
const line = (names: string, key: Buffer, marker = ''): string =>
  `${marker} ${names} ${typeOfKey(key)} ${key.toString('base64')} a comment`.trim();
const known = (...lines: readonly string[]): KnownHost[] => parseKnownHosts(lines.join('\n'), 'file');

function hashed(name: string): string {
  const salt = Buffer.from('01234567890123456789');
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

test('a host is known by its names, patterns and hashes', () => {
  for (const names of ['login', 'a,login,b', 'LOGIN', '*', 'log??', 'l*n', hashed('login')]) {
    assert.deepEqual(judge(known(line(names, mine)), 'login', mine), { type: 'trusted' }, names);
  }
  for (const names of ['a', 'login,!login', '*,!l*', 'login.org', '[login]:22', hashed('a'), '|1|x', '|1|', '!login']) {
    const verdict = judge(known(line(names, mine)), 'login', mine);
    assert.deepEqual(verdict, { type: 'unknown', others: [], authority: undefined }, names);
  }
});

test('another port is another host', () => {
  assert.deepEqual([knownName('Login', 22), knownName('Login', 2222)], ['login', '[login]:2222']);
  const hosts = known(line('login', other), line('[login]:2222', mine), line(hashed('[login]:23'), mine));
  assert.equal(judge(hosts, '[login]:2222', mine).type, 'trusted');
  assert.equal(judge(hosts, '[login]:23', mine).type, 'trusted');
  assert.equal(judge(hosts, '[login]:2223', mine).type, 'unknown');
});

test('another key of the same type is a change; one of another type is not known', () => {
  const hosts = known('# first', line('login', mine), line('login', keyOf('ssh-ed25519', 'second')));
  assert.deepEqual(judge(hosts, 'login', other), { type: 'changed', at: 'file:2' });
  assert.deepEqual(judge(hosts, 'login', rsa),
    { type: 'unknown', others: ['ssh-ed25519', 'ssh-ed25519'], authority: undefined });
  assert.equal(judge(hosts, 'login', keyOf('ssh-ed25519', 'second')).type, 'trusted', 'a host may have several');
  assert.deepEqual(knownTypes([...hosts, ...known(line('login', rsa))], 'login'), ['ssh-ed25519', 'ssh-rsa']);
});

test('a revoked key is refused, whatever else trusts it; an authority vouches for nothing here', () => {
  const hosts = known(line('login', mine), line('*', mine, '@revoked'));
  assert.deepEqual(judge(hosts, 'login', mine), { type: 'revoked', at: 'file:2' });
  const certified = known(line('*', other, '@cert-authority'));
  assert.deepEqual(judge(certified, 'login', other), { type: 'unknown', others: [], authority: 'file:1' });
  assert.deepEqual(knownTypes(certified, 'login'), []);
  const both = known(line('login', mine, '@cert-authority'), line('login', mine));
  assert.equal(judge(both, 'login', mine).type, 'trusted');
});

test('lines that cannot be read trust nobody', () => {
  assert.deepEqual(known('', '  ', '#', 'login', 'login ssh-rsa', '@odd login ssh-rsa AAAA', '@revoked'), []);
  assert.equal(typeOfKey(Buffer.alloc(2)), '');
  assert.equal(judge(known('login ssh-rsa AAAA'), 'login', Buffer.alloc(0)).type, 'unknown');
});

test('a fingerprint is what ssh-keygen prints', () => {
  // ssh-keygen -lf of this key.
  const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
  assert.equal(fingerprint(Buffer.from(key, 'base64')), 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU');
});
