// `switchyard endpoint configure` for multi-user endpoints: what it refuses, and what it writes.

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { configuredText, configureEndpoint } from '../../../src/cli/endpoint-configure.ts';
import { withFlagValues } from '../../../src/cli/endpoint-configure-command.ts';
import { planConfigure, type ConfigureOptions } from '../../../src/cli/endpoint-configure-plan.ts';
import { ComputeError } from '../../../src/common/errors.ts';
import { parseYaml } from '../../../src/common/yaml.ts';
import { scratch } from '../../fakes/scratch.ts';

const POLICY = '12345678-1234-1234-1234-123456789abc';
const FILES = [
  'config.yaml', 'example_identity_mapping_config.json', 'user_config_schema.json', 'user_config_template.yaml.j2',
  'user_environment.yaml',
];
const noService = (): never => assert.fail('nothing to ask the service for');

function plan(options: ConfigureOptions): ReturnType<typeof planConfigure> {
  return planConfigure({ multiUser: true, ...options }, 'linux');
}

test('what is asked for at the same time and cannot be is refused in the field’s words', () => {
  const wrong: [ConfigureOptions, RegExp][] = [
    [{ multiUser: false, idMappingConfig: 'm' }, /^--id-mapping-config requires multi user support \(hint: --multi-/],
    [{ multiUser: false, templateConfig: 't' }, /^--template-config requires multi user support/],
    [{ authPolicy: POLICY, allowedDomains: '*.edu' }, /^Cannot specify an existing auth policy and create a/],
    [{ authPolicy: POLICY, authTimeout: 0 }, /^Cannot specify an existing/],
    [{ authPolicy: POLICY, authPolicyDisplayName: 'mine' }, /^Cannot specify an existing/],
    [{ highAssurance: true }, /^High Assurance\(HA\) endpoints require both a HA policy and a HA subscription id$/],
    [{ highAssurance: true, authPolicy: POLICY }, /^High Assurance/],
    [{ highAssurance: true, subscriptionId: POLICY }, /^High Assurance/],
    [{ authPolicyMfaRequired: true }, /^MFA may only be specified when creating a policy$/],
    [{ authPolicyMfaRequired: true, authPolicy: POLICY }, /^MFA may only be specified when creating a policy$/],
    [{ authPolicyMfaRequired: true, authTimeout: 60 }, /^MFA may only be enabled for High Assurance\(HA\) policies$/],
    [{ allowedDomains: ' , ' }, /--allowed-domains names no domain/],
  ];
  for (const [options, message] of wrong) assert.throws(() => plan(options), { code: 'USAGE', message });
  assert.throws(() => planConfigure({ multiUser: true }, 'darwin'), { message: /not supported on this system$/ });
});

test('a policy is made for anything that a policy says, and for nothing else', () => {
  assert.equal(plan({}).policy, undefined);
  assert.equal(plan({ authPolicy: POLICY }).policy, POLICY);
  assert.equal(plan({ authPolicyDisplayName: 'Globus Compute Authentication Policy' }).policy, undefined);
  assert.deepEqual(plan({ allowedDomains: '*.edu, example.org,', authTimeout: 60 }).policy, {
    displayName: 'Globus Compute Authentication Policy',
    description: 'This policy was created automatically by Globus Compute.',
    allowedDomains: ['*.edu', 'example.org'], authTimeoutS: 60,
  });
  assert.deepEqual(plan({
    authPolicyProjectId: POLICY, authPolicyDescription: 'd', excludedDomains: 'x.org', highAssurance: true,
    subscriptionId: POLICY, authPolicyMfaRequired: true,
  }).policy, {
    displayName: 'Globus Compute Authentication Policy', description: 'd', projectId: POLICY,
    excludedDomains: ['x.org'], highAssurance: true, mfaRequired: true,
  });
});

test('--multi-user is a flag, and takes a value where there is one', () => {
  const cases: [string, string][] = [
    ['one --multi-user', 'one --multi-user=true'],
    ['--multi-user one', '--multi-user=true one'],
    ['--multi-user NO one', '--multi-user=no one'],
    ['--multi-user --display-name yes', '--multi-user=true --display-name yes'],
    ['--multi-user=false one', '--multi-user=false one'],
    ['--multi-user constructor', '--multi-user=true constructor'],
    ['no', 'no'],
  ];
  for (const [given, meant] of cases) assert.equal(withFlagValues(given.split(' ')).join(' '), meant);
});

test('five files, with the documented contents, for whom they are meant', async () => {
  await using files = await scratch();
  const umask = process.umask(0o077);
  try {
    const configured = await configureEndpoint({ directory: files.at('e'), name: 'my-ep', plan: plan({}) }, noService);
    const at = files.at('e/my-ep');
    assert.deepEqual((await readdir(at)).sort(), FILES);
    const modes = await Promise.all(['', ...FILES].map(async (name) => (await stat(`${at}/${name}`)).mode & 0o777));
    assert.deepEqual(modes.map((mode) => mode.toString(8)), ['711', '600', '600', '644', '644', '644']);
    const read = async (name: string) => await readFile(`${at}/${name}`, 'utf8');
    assert.deepEqual(parseYaml(await read('config.yaml'), ''), {
      display_name: null, identity_mapping_config_path: `${at}/example_identity_mapping_config.json`, multi_user: true,
    });
    const map = JSON.parse(await read('example_identity_mapping_config.json')) as { comment?: string }[];
    assert.deepEqual(map.map(({ comment, ...mapper }) => (assert.ok(comment), mapper)), [
      {
        DATA_TYPE: 'external_identity_mapping#1.0.0', command: ['/bin/false', '--some', 'flag', '-a', '-b', '-c'],
      },
      {
        DATA_TYPE: 'expression_identity_mapping#1.0.0',
        mappings: [{ source: '{username}', match: '(.*)@example.com', output: '{0}' }],
      },
    ]);
    assert.deepEqual(JSON.parse(await read('user_config_schema.json')), {
      $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object',
      properties: { endpoint_setup: { type: 'string' }, worker_init: { type: 'string' } }, additionalProperties: true,
    });
    const template = await read('user_config_template.yaml.j2');
    assert.deepEqual(template.match(/\{\{.*?\}\}/g), ['{{ endpoint_setup|default() }}', '{{ worker_init|default() }}']);
    assert.deepEqual(parseYaml(template.replaceAll(/\{\{.*?\}\}/g, ''), ''), {
      endpoint_setup: null,
      engine: {
        type: 'GlobusComputeEngine', max_workers_per_node: 1,
        provider: { type: 'LocalProvider', min_blocks: 0, max_blocks: 1, init_blocks: 1, worker_init: null },
      },
      idle_heartbeats_soft: 10, idle_heartbeats_hard: 5760,
    });
    assert.equal(parseYaml(await read('user_environment.yaml'), ''), null);
    assert.equal(configuredText(configured), `Created multi-user profile for endpoint named <my-ep>

	Configuration file: ${at}/config.yaml

	Example identity mapping configuration: ${at}/example_identity_mapping_config.json

	User endpoint configuration template: ${at}/user_config_template.yaml.j2
	User endpoint configuration schema: ${at}/user_config_schema.json
	User endpoint environment variables: ${at}/user_environment.yaml

Use the \`start\` subcommand to run it:

	$ switchyard endpoint start my-ep
`);
  } finally {
    process.umask(umask);
  }
});

test('files that are given are copied, and config.yaml keeps its order and comments', async () => {
  await using files = await scratch();
  await writeFile(files.at('config.yaml'), `# ours
amqp_port: 443 # behind the firewall
engine:
  type: GlobusComputeEngine # gone
# about the policy
authentication_policy: null
multi_user: no
heartbeat_period: 15`);
  const given = { templateConfig: 't', schemaConfig: 's', userEnvConfig: 'u', idMappingConfig: 'm' };
  for (const name of Object.values(given)) await writeFile(files.at(name), `${name}\n`);
  const paths = Object.fromEntries(Object.entries(given).map(([key, name]) => [key, files.at(name)]));
  const configured = await configureEndpoint({
    directory: files.at('e'), name: 'x',
    plan: plan({
      ...paths, managerConfig: files.at('config.yaml'), displayName: 'Ours: one', contactEmail: 'ops@example.org',
      allowedDomains: '*.edu', highAssurance: true, subscriptionId: POLICY,
    }),
  }, () => ({ createAuthPolicy: () => Promise.resolve({ id: POLICY }) }));
  const at = files.at('e/x');
  assert.equal(await readFile(`${at}/config.yaml`, 'utf8'), `# ours
amqp_port: 443 # behind the firewall
# about the policy
authentication_policy: ${POLICY}
multi_user: true
heartbeat_period: 15
display_name: "Ours: one"
email: ops@example.org
identity_mapping_config_path: ${at}/identity_mapping_config.json
high_assurance: true
audit_log_path: ${at}/audit.log
subscription_id: ${POLICY}
`);
  assert.equal(await readFile(`${at}/identity_mapping_config.json`, 'utf8'), 'm\n');
  assert.equal(await readFile(`${at}/user_config_template.yaml.j2`, 'utf8'), 't\n');
  assert.match(configuredText(configured), /\n\tIdentity mapping configuration: .*\/identity_mapping_config\.json\n/);
  assert.equal(configured.authentication_policy, POLICY);
});

test('what fails leaves nothing, and what was there is not touched', async () => {
  await using files = await scratch();
  const refused = new ComputeError('SERVICE_REFUSED', 'could not make a policy: not today');
  const configure = async (name: string, options: ConfigureOptions) => await configureEndpoint(
    { directory: files.at('e'), name, plan: plan(options) },
    () => ({ createAuthPolicy: () => Promise.reject(refused) }),
  );
  await assert.rejects(configure('x', { authTimeout: 1 }), {
    code: 'SERVICE_REFUSED', message: /^Unable to create authentication policy: .*not today$/,
  });
  await assert.rejects(configure('x', { templateConfig: files.at('none') }), { message: /cannot read .*none: no/ });
  assert.deepEqual(await readdir(files.at('e')), []);
  await mkdir(files.at('e/x'));
  await writeFile(files.at('e/x/mine'), 'mine');
  // No policy is made for an endpoint that cannot be.
  await assert.rejects(configure('x', { authTimeout: 1 }), { message: /config dir x already exists/ });
  assert.deepEqual(await readdir(files.at('e/x')), ['mine']);
});

test('without an address, and with an older option, there is a word about it', () => {
  assert.deepEqual(plan({ contactEmail: 'a@b' }).warnings, []);
  assert.match(plan({}).warnings.join(), /--contact-email/);
  assert.deepEqual(planConfigure({}, 'linux').warnings, []);
  const both = planConfigure({ endpointConfig: 'a', managerConfig: 'b' }, 'linux');
  assert.deepEqual([both.sources.config, /a is ignored/.test(both.warnings.join())], ['b', true]);
  assert.match(planConfigure({ endpointConfig: 'a' }, 'linux').warnings.join(), /older name of --manager-config/);
});
