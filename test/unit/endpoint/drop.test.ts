import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isOwnDescriptor, readPrivileges, rootRemains, strangerRemains } from '../../../src/endpoint/drop.ts';

const EMPTY = '0000000000000000';

function status(changes: Readonly<Record<string, string>> = {}): string {
  const fields = {
    Name: 'node', Uid: '1000\t1000\t1000\t1000', Gid: '100\t100\t100\t100', Groups: '100 27 44 ',
    CapInh: EMPTY, CapPrm: EMPTY, CapEff: EMPTY, CapBnd: EMPTY, CapAmb: EMPTY, NoNewPrivs: '1', ...changes,
  };
  return Object.entries(fields).map(([name, value]) => `${name}:\t${value}\n`).join('');
}

const user = { uid: 1000, gid: 100, groups: [27, 44] };
const stranger = (changes = {}, local = user): string | undefined =>
  strangerRemains(readPrivileges(status(changes)), local);
const root = (changes = {}): string | undefined => rootRemains(readPrivileges(status(changes)));

suite('what a user endpoint may be', () => {
  test('the user, with all groups of his and nothing else', () => {
    assert.equal(root(), undefined);
    assert.equal(stranger(), undefined);
    assert.equal(stranger({}, { ...user, groups: [27, 44, 100] }), undefined);
  });

  test('never root, by any of the four ids, nor with a capability of its own', () => {
    for (const [i, which] of ['real', 'effective', 'saved', 'file system'].entries()) {
      const ids = (own: string): string => [own, own, own, own].with(i, '0').join('\t');
      assert.equal(root({ Uid: ids('1000') }), `the ${which} uid is 0`);
      assert.equal(root({ Gid: ids('100') }), `the ${which} gid is 0`);
    }
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) {
      assert.equal(root({ [set]: '0000000000000080' }), `the capabilities ${set} are 0000000000000080`);
    }
    assert.equal(root({ CapBnd: '000001ffffffffff' }), undefined);
  });

  test('never somebody else, nor one who could become more', () => {
    assert.equal(stranger({ Uid: '1000\t1000\t1001\t1000' }), 'the saved uid is 1001 and not 1000');
    assert.equal(stranger({ Gid: '100\t7\t100\t100' }), 'the effective gid is 7 and not 100');
    assert.equal(stranger({ Groups: '0 27 44 100' }), "the groups 0 are not the user's");
    assert.equal(stranger({ Groups: '27 100' }), "the user's groups 44 are missing");
    assert.equal(stranger({ CapBnd: '000001ffffffffff' }), 'the capabilities CapBnd are 000001ffffffffff');
    assert.equal(stranger({ NoNewPrivs: '0' }), 'new privileges are possible');
  });

  test('nothing that the kernel does not say is taken for granted', () => {
    const nothing = readPrivileges('Name:\tnode\n');
    assert.equal(rootRemains(nothing), 'the real uid is unknown');
    assert.notEqual(strangerRemains(nothing, user), undefined);
    assert.equal(rootRemains(readPrivileges(status().replace(/^CapEff.*\n/m, ''))), 'the capabilities CapEff are ?');
  });
});

test('descriptors are the runtime\'s own when both ends of the pipe are here', () => {
  const all = ['anon_inode:[eventpoll]', 'pipe:[5]', 'pipe:[5]', 'pipe:[6]', 'socket:[7]', '/etc/shadow', '/dev/null'];
  assert.deepEqual(all.filter((one) => !isOwnDescriptor(one, all)), ['pipe:[6]', 'socket:[7]', '/etc/shadow']);
});
