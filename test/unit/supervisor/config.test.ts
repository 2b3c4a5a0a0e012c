import assert from 'node:assert/strict';
import test from 'node:test';
import { parseSupervisorConfig } from '../../../src/supervisor/config.ts';

const ID = '0B0F1C52-3d8e-4d6b-8f9a-1e2d3c4b5a69';

test('an empty file is a multi-user endpoint with the defaults', () => {
  for (const empty of [undefined, null, {}, { multi_user: true, display_name: null }]) {
    assert.deepEqual(parseSupervisorConfig(empty), {
      display_name: null, allowed_functions: null, authentication_policy: null, subscription_id: null, admins: null,
      amqp_port: null, heartbeat_period: 30, high_assurance: false, environment: null, local_compute_services: false,
      debug: false, identity_mapping_config_path: null, public: false, user_config_template_path: null,
      user_config_schema_path: null, audit_log_path: null, pam: null, mu_child_ep_grace_period_s: 30, email: null,
      minimum_uid: 1000,
      notes: [],
    });
  }
});

test('a file of the field is read as it is written', () => {
  const config = parseSupervisorConfig({
    amqp_port: '443', display_name: 'None', identity_mapping_config_path: '/etc/map.json', multi_user: 'yes',
    public: 'on', pam: { enable: false }, allowed_functions: [ID], admins: [ID], subscription_id: ID, debug: 1,
  });
  assert.deepEqual(
    [config.amqp_port, config.display_name, config.identity_mapping_config_path, config.public, config.debug],
    [443, null, '/etc/map.json', true, true],
  );
  assert.deepEqual(config.pam, { enable: false, service_name: 'globus-compute-endpoint' });
  assert.deepEqual(config.notes, []);
});

test('keys of older versions, and what is not there, are said and not refused', () => {
  const { notes, heartbeat_period: period } = parseSupervisorConfig({
    detach_endpoint: true, force_mu_allow_same_user: true, heartbeat_period: 2, high_assurance: true,
  });
  assert.equal(period, 5);
  assert.deepEqual(notes.map((note) => note.split(' ', 1)[0]),
    ['Heartbeat', 'high_assurance', 'force_mu_allow_same_user', 'detach_endpoint']);
  assert.match(parseSupervisorConfig({ audit_log_path: '/var/log/a' }).notes.join('\n'), /without high_assurance/);
});

test('what cannot be meant is refused with its key', () => {
  const cases: [written: unknown, expected: RegExp][] = [
    [[1], /^config\.yaml: expected a mapping/],
    [{ engine: { type: 'GlobusComputeEngine' }, idle_heartbeats_soft: 1 },
      /^config\.yaml\.engine: .*move it to user_config_template\.yaml\.j2\nconfig\.yaml\.idle_heartbeats_soft: /],
    [{ multi_user: false }, /multi_user: an endpoint for one user needs an engine/],
    [{ pam: {} }, /pam: user endpoints are not started through PAM/],
    [{ identity_mapping: '/x' }, /unknown key identity_mapping; did you mean identity_mapping_config_path\?/],
    [{ amqp_prot: 443 }, /unknown key amqp_prot; did you mean amqp_port\?/],
    [{ allowed_functions: ['x'] }, /allowed_functions\[0\]: expected a UUID, found "x"/],
    [{ admins: [ID] }, /admins: other administrators need a subscription_id/],
    [{ display_name: 4 }, /display_name: expected text, found 4; put it in quotes/],
    [{ debug: 'perhaps' }, /debug: expected true or false/],
  ];
  for (const [written, expected] of cases) {
    assert.throws(() => parseSupervisorConfig(written), { code: 'CONFIG_INVALID', message: expected });
  }
});
