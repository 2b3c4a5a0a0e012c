// Who meets an authentication policy.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { domainPattern, unmetRule, type AuthPolicy } from '../../../src/service/policy.ts';

const OPEN: AuthPolicy = {
  id: 'p', owner: 'o', project: null, displayName: 'P', description: '', allowedDomains: [], excludedDomains: [],
  authTimeoutS: null, highAssurance: false,
};

const ruleFor = (rules: Partial<AuthPolicy>, username: string, authenticatedS = 0, nowS = 0): string | undefined =>
  unmetRule({ ...OPEN, ...rules }, { username, authenticatedS }, nowS)?.rule;

test('domains are written in one way, and what is none is none', () => {
  const cases: [string, string | undefined][] = [
    ['example.edu', 'example.edu'], [' Example.EDU ', 'example.edu'], ['*.Example.edu', '*.example.edu'],
    ['example.edu.', 'example.edu'], ['*', '*'], ['localhost', 'localhost'], ['127.1', '127.1'],
    ['münchen.example', 'xn--mnchen-3ya.example'], ['MÜNCHEN.example', 'xn--mnchen-3ya.example'],
    ['ｅxample.edu', undefined], ['exam\u00adple.edu', undefined], ['exam\u200bple.edu', undefined],
    ['', undefined], ['*.', undefined], ['*example.edu', undefined], ['a.*.edu', undefined], ['**.edu', undefined],
    ['a@example.edu', undefined], ['a b', undefined], ['a..b', undefined], ['.edu', undefined], ['a\nb', undefined],
    ['http://example.edu', undefined], ['x'.repeat(300), undefined],
  ];
  for (const [written, pattern] of cases) assert.equal(domainPattern(written), pattern, JSON.stringify(written));
});

test('an allowed domain is itself and nothing else; a wildcard is all that is below', () => {
  const rules = { allowedDomains: ['example.edu', '*.example.org'] };
  for (const name of ['a@example.edu', 'a@EXAMPLE.edu', 'a@example.edu.', 'a@b@example.edu', 'a@cs.example.org',
    'a@x.cs.example.org']) assert.equal(ruleFor(rules, name), undefined, name);
  for (const name of ['a@cs.example.edu', 'a@notexample.edu', 'a@example.edu.evil.com', 'a@example.org',
    'a@.example.org', 'a@xexample.org', 'a@exam\u00adple.edu', 'a@еxample.edu',
    'example.edu@evil.com', 'a', 'a@', 'a@example.edu@evil.com', '']) {
    assert.equal(ruleFor(rules, name), 'allowed-domains', name);
  }
});

test('what is excluded is so even if it is allowed, and even if it cannot be read', () => {
  const rules = { allowedDomains: ['*'], excludedDomains: ['*.example.edu', 'example.org'] };
  assert.equal(ruleFor(rules, 'a@example.edu'), undefined);
  for (const name of ['a@cs.example.edu', 'a@Example.ORG', 'a@example.org.', 'a@exa mple.org', 'a@']) {
    assert.equal(ruleFor(rules, name), 'excluded-domains', name);
  }
  assert.equal(ruleFor({ excludedDomains: ['*'] }, 'a@example.edu'), 'excluded-domains');
});

test('a log-in counts until its time is over', () => {
  const rules = { authTimeoutS: 60 };
  assert.equal(ruleFor(rules, 'a@b', 100, 160), undefined);
  assert.equal(ruleFor(rules, 'a@b', 100, 161), 'auth-timeout');
  assert.equal(ruleFor({}, 'a@b', 0, 1e9), undefined);
  assert.deepEqual(unmetRule({ ...OPEN, authTimeoutS: 60 }, { username: 'a@b', authenticatedS: 100 }, 200.5),
    { rule: 'auth-timeout', agoS: 100, mostS: 60 });
});

test('a domain meets a pattern exactly if it is that domain or below its wildcard', () => {
  const label = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
  const domain = fc.array(label, { minLength: 1, maxLength: 4 });
  fc.assert(fc.property(domain, domain, fc.boolean(), (of, pattern, isWild) => {
    const written = (isWild ? '*.' : '') + pattern.join('.');
    const isBelow = of.length > pattern.length && of.slice(-pattern.length).join('.') === pattern.join('.');
    const expected = isWild ? isBelow : of.join('.') === pattern.join('.');
    const rule = ruleFor({ allowedDomains: [domainPattern(written) ?? ''] }, `a@${of.join('.')}`);
    assert.equal(rule === undefined, expected);
  }));
});
