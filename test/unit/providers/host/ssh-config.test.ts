import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { matchesPattern, settingsFor } from '../../../../providers/host/ssh-config.ts';

test('the first value of a keyword counts, and every IdentityFile', () => {
  const text = `
    # a comment
    Host login cluster-*   # the site's
      HostName = login.example.org
      User alice
      IdentityFile "~/.ssh/a key"
      ServerAliveInterval 30
    Host *
      User bob
      Port=2222
      IdentityFile ~/.ssh/other
      UserKnownHostsFile ~/.ssh/one /etc/two
      ProxyJump gate,10.0.0.1:23
  `;
  assert.deepEqual(settingsFor(text, 'cluster-7'), {
    hostName: 'login.example.org', user: 'alice', port: 2222, keepaliveS: 30, proxyJump: 'gate,10.0.0.1:23',
    identityFiles: ['~/.ssh/a key', '~/.ssh/other'], knownHostsFiles: ['~/.ssh/one', '/etc/two'], unread: [],
  });
  assert.equal(settingsFor(text, 'elsewhere').user, 'bob');
});

test('lines before any Host are everybody\'s; a negated pattern excludes', () => {
  const text = 'User first\nHost * !gate\n  Port 1\nHost gate\n  Port 2';
  assert.deepEqual([settingsFor(text, 'gate').port, settingsFor(text, 'other').port], [2, 1]);
  assert.equal(settingsFor(text, 'gate').user, 'first');
});

test('what is not read is named where it concerns the host', () => {
  const text = 'Include more\nHost a\n  ProxyCommand nc\nMatch exec "x"\n  User never\nMatch all\n  User always';
  assert.deepEqual(settingsFor(text, 'b'),
    { identityFiles: [], user: 'always', unread: ['line 1: Include', 'line 4: Match'] });
  assert.deepEqual(settingsFor(text, 'a').unread, ['line 1: Include', 'line 3: ProxyCommand', 'line 4: Match']);
});

test('numbers that are none are left out', () => {
  for (const port of ['', 'x', '0', '-1', '65536', '22x', '99999999999']) {
    assert.equal(settingsFor(`Port ${port}`, 'a').port, undefined);
  }
});

test('any text can be read', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
    assert.ok(Array.isArray(settingsFor(text, 'host').identityFiles));
  }));
});

test('patterns match as a naive matcher says', () => {
  const naive = (pattern: string, name: string): boolean => {
    if (pattern === '') return name === '';
    if (pattern.startsWith('*')) {
      return naive(pattern.slice(1), name) || (name !== '' && naive(pattern, name.slice(1)));
    }
    return name !== '' && (pattern.startsWith('?') || pattern[0] === name[0]) && naive(pattern.slice(1), name.slice(1));
  };
  const patterns = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
  const names = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
  fc.assert(fc.property(patterns, names, (pattern, name) => {
    assert.equal(matchesPattern(pattern, name), naive(pattern, name));
  }));
  assert.ok(matchesPattern('*.Example.org', 'LOGIN.example.ORG'));
});

test('a pattern of many stars takes no time', () => {
  assert.equal(matchesPattern(`${'a*'.repeat(100)}b`, 'a'.repeat(2000)), false);
});
