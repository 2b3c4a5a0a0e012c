import assert from 'node:assert/strict';
import test from 'node:test';
import { endpointQueues } from '../../../src/amqp/queue-info.ts';
import type { StartCommand } from '../../../src/amqp/start-command.ts';
import { silentLog } from '../../../src/common/log.ts';
import type { Account } from '../../../src/supervisor/accounts.ts';
import { Authorisation, type AuthorisationDeps } from '../../../src/supervisor/authorisation.ts';

const own: Account = {
  name: 'svc', uid: 900, gid: 900, gecos: '', directory: '/home/svc', shell: '/bin/sh', groups: [900],
};
const alice: Account = { ...own, name: 'alice', uid: 1001 };
const identity = { sub: 'id-1', id: 'id-1', username: 'alice@example.org' };
const other = { sub: 'id-2', id: 'id-2', username: 'al@other.org' };
const command: StartCommand = {
  username: 'alice@example.org\x1b[2J', effectiveIdentity: 'id-1', identitySet: [identity, other], name: 'n',
  endpointId: 'e', userOptions: {}, userRuntime: {}, queues: endpointQueues('e', 'amqp://h'), args: [],
};
const who = '\n  Globus effective identity: id-1\n  Globus username: alice@example.org\\u{1b}[2J';

function authorisation(deps: Partial<AuthorisationDeps> = {}): Authorisation {
  return new Authorisation({
    log: silentLog, map: undefined, ownerIdentities: [], ownAccount: own, refusalOf: () => undefined,
    findAccount: (name) => Promise.resolve(name === alice.name ? alice : undefined), ...deps,
  });
}

function mapTo(...names: string[]): NonNullable<AuthorisationDeps['map']> {
  const candidates = names.map((localName) => ({ identityId: 'id-1', identity, localName, rule: 'mapping 1' }));
  const [chosen] = candidates;
  return { lookup: () => Promise.resolve({ candidates, failures: [], ...chosen === undefined ? {} : { chosen } }) };
}

test('without a map the owner is let in, by any identity, and nobody else', async () => {
  assert.deepEqual(await authorisation({ ownerIdentities: ['id-2'] }).decide(command), {
    type: 'granted', account: own,
  });
  const denied = await authorisation({ ownerIdentities: ['id-3'] }).decide(command);
  const notice = `Ignoring start request for untrusted identity.${who}`;
  assert.deepEqual(denied, { type: 'denied', notice, text: notice });
});

test('with a map it decides, whoever the owner is', async () => {
  const granted = await authorisation({ map: mapTo('alice', 'al') }).decide(command);
  assert.deepEqual(granted, { type: 'granted', account: alice, matched: identity, candidates: [identity, identity] });
  const nobody = await authorisation({ map: mapTo(), ownerIdentities: ['id-1'] }).decide(command);
  assert.deepEqual(nobody.type === 'denied' && nobody.notice,
    `Identity failed to map to a local user name.  (LookupError) ${who}`);
  const unknown = await authorisation({ map: mapTo('x\ny') }).decide(command);
  assert.deepEqual(unknown.type === 'denied' && unknown.notice, '(KeyError)\n  Identity mapped to a local user name, '
    + `but local user does not exist.\n  Local user name: x\\ny${who}`);
  const broken = await authorisation({ map: { lookup: () => Promise.reject(new Error('x')) } }).decide(command);
  assert.deepEqual(broken.type === 'denied' && broken.notice,
    `Unhandled error attempting to map to a local user name.${who}`);
});

test('why an account may not be used is for the log, not for the user', async () => {
  const denied = await authorisation({ map: mapTo('alice'), refusalOf: () => 'it is root' }).decide(command);
  assert.ok(denied.type === 'denied');
  assert.match(denied.notice, /^\(InvalidUserError\) unexpected error; this is due to either/);
  assert.doesNotMatch(denied.notice, /root/);
  assert.match(denied.text,
    /Requested user is not allowed: it is root\n {2}Local user name: alice\n {2}Requested UID: 1001/);
});

test('who was let in before is looked up again', async () => {
  const known = authorisation({ map: mapTo('alice') });
  assert.deepEqual(await known.again(alice), alice);
  assert.equal(await known.again({ ...alice, name: 'gone' }), undefined);
  assert.equal(await known.again({ ...alice, uid: 1002 }), undefined, 'the name is somebody else\'s now');
  assert.equal(await authorisation({ map: mapTo('alice'), refusalOf: () => 'no' }).again(alice), undefined);
  assert.deepEqual(await authorisation().again(own), own);
});

test('who was let in stays in as long as the map has the same account for him, or cannot say', async () => {
  const stands = async (map: AuthorisationDeps['map']): Promise<boolean> =>
    await authorisation({ map }).stands({ command, account: alice });
  assert.ok(await stands(mapTo('alice')));
  assert.ok(await stands(undefined), 'the owner');
  assert.ok(!await stands(mapTo()));
  assert.ok(!await stands(mapTo('bob', 'alice')), 'the first match is who somebody is');
  const failing = { lookup: () => Promise.resolve({ candidates: [], failures: ['no answer'] }) };
  assert.ok(await stands(failing), 'a directory that is away locks nobody out');
});

test('no sign of a stranger\'s reaches the log or the user as more than a sign', async () => {
  const evil = 'x\n{"level":30,"msg":"forged"}\r\u001b[2J\u0000\u202e';
  const said: string[] = [];
  const log = { ...silentLog, info: (_: unknown, text: string) => said.push(text) };
  const asked: StartCommand = { ...command, username: evil, effectiveIdentity: evil };
  const chosen = { identityId: evil, identity, localName: 'alice', rule: evil };
  const deps = { log: log as unknown as AuthorisationDeps['log'] };
  const map = (localName: string): AuthorisationDeps['map'] =>
    ({ lookup: () => Promise.resolve({ candidates: [], failures: [], chosen: { ...chosen, localName } }) });
  const decisions = [
    await authorisation(deps).decide(asked), await authorisation({ ...deps, map: mapTo() }).decide(asked),
    await authorisation({ ...deps, map: map(evil) }).decide(asked),
    await authorisation({ ...deps, map: map('alice'), refusalOf: () => evil }).decide(asked),
  ];
  for (const decision of decisions) {
    assert.ok(decision.type === 'denied');
    // The only line breaks are ours, which begin a line with two spaces.
    for (const text of [decision.notice, decision.text]) assert.doesNotMatch(text, /[^\P{Cc}\n]|\u202e|\n(?! {2})/u);
  }
  assert.equal((await authorisation({ ...deps, map: map('alice') }).decide(asked)).type, 'granted');
  assert.equal(said.length, 1);
  assert.doesNotMatch(said[0] ?? '', /\p{Cc}|\u202e/u);
});
