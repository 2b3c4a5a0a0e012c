import assert from 'node:assert/strict';
import test from 'node:test';
import { ComputeError } from '../../../../src/common/errors.ts';
import { parseProvider } from '../../../../providers/index.ts';
import { parseChannel } from '../../../../providers/host/channel.ts';

const complaint = (value: unknown, parse: (value: unknown) => unknown = parseChannel): string => {
  try {
    parse(value);
  } catch (error) {
    assert.ok(error instanceof ComputeError && error.code === 'CONFIG_INVALID', String(error));
    return error.message;
  }
  return assert.fail('it was taken');
};

test('a host name is enough; all else has a default', () => {
  assert.deepEqual(parseChannel({ type: 'SSHChannel', hostname: 'login' }), {
    type: 'SSHChannel', hostname: 'login', username: null, port: null, keyFiles: null, knownHostsFiles: null,
    jumps: null, configFile: '~/.ssh/config', keepaliveS: null, connectTimeoutS: 20,
    scriptDir: '~/.switchyard/blocks', envs: {}, node: null, packageDir: null,
  });
  assert.deepEqual(parseChannel(undefined), { type: 'LocalChannel' });
});

test('the keys of the field\'s older files are read', () => {
  const channel = parseChannel({
    type: 'SSHChannel', hostname: 'login.example.org', username: 'alice', port: '2222', script_dir: '/scratch/alice',
    envs: { PATH: '/opt/slurm/bin:/usr/bin' }, key_filename: '~/.ssh/site,key', host_keys_filename: '/etc/known',
    gssapi_auth: false, skip_auth: false, proxy_jump: 'a@gate, other:2200',
  });
  assert.ok(channel.type === 'SSHChannel');
  assert.deepEqual([channel.port, channel.keyFiles, channel.knownHostsFiles, channel.jumps, channel.scriptDir],
    [2222, ['~/.ssh/site,key'], ['/etc/known'], ['a@gate', 'other:2200'], '/scratch/alice']);
  assert.deepEqual(parseChannel({ type: 'LocalChannel', userhome: '/home/a', envs: {} }), { type: 'LocalChannel' });
});

test('what is not there is refused, with a sentence', () => {
  const ssh = { type: 'SSHChannel', hostname: 'login' };
  assert.match(complaint({ ...ssh, password: 'secret' }), /a password or passphrase does not belong into.*ssh-add/);
  assert.ok(!complaint({ ...ssh, password: 'secret' }).includes('secret'));
  assert.match(complaint({ ...ssh, gssapi_auth: true }), /gssapi_auth is not there; use a key or an agent/);
  assert.match(complaint({ ...ssh, skip_auth: true }), /skip_auth is not there/);
  assert.match(complaint({ ...ssh, known_hosts: 'a', host_keys_filename: 'b' }), /two names of one key/);
  assert.match(complaint({ ...ssh, hostnam: 'x' }), /unknown key hostnam; did you mean hostname\?/);
  assert.match(complaint({ type: 'SSHChannel' }), /hostname is missing/);
  assert.match(complaint({ ...ssh, hostname: '-oProxyCommand=x' }), /expected a host name or address/);
  assert.match(complaint({ ...ssh, node: 'node' }), /node: expected an absolute path/);
  assert.match(complaint({ ...ssh, envs: { 'A B': 'x' } }), /envs/);
  for (const type of ['OAuthSSHChannel', 'SSHInteractiveLoginChannel']) {
    assert.match(complaint({ ...ssh, type }), new RegExp(`${type} is not there yet; there is LocalChannel, SSH`));
  }
  assert.match(complaint({ type: 'LocalChannel', script_dir: '/x' }), /script_dir has no meaning for a LocalChannel/);
});

test('every provider has a channel; a LocalProvider a local one only', () => {
  const channel = { type: 'SSHChannel', hostname: 'login' };
  assert.equal(parseProvider({ type: 'SlurmProvider', channel }).channel.type, 'SSHChannel');
  assert.equal(parseProvider({ type: 'SlurmProvider' }).channel.type, 'LocalChannel');
  assert.equal(parseProvider({ channel: { type: 'LocalChannel' } }).channel.type, 'LocalChannel');
  const local = complaint({ type: 'LocalProvider', channel }, parseProvider);
  assert.match(local, /a LocalProvider's blocks are on this machine/);
});
