import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ComputeError } from '../../../src/common/errors.ts';
import { Float, type JsonObject } from '../../../src/common/json.ts';
import { renderUserConfig, type RenderInput } from '../../../src/endpoint/user-config.ts';

const PATH = '/etc/x/user_config_template.yaml.j2';
const ENGINE = 'engine: {type: ThreadPoolEngine}\n';

function input(text: string, userOptions: JsonObject = {}, changes: Partial<RenderInput> = {}): RenderInput {
  return {
    template: { path: PATH, text }, schema: null, userOptions, userRuntime: {}, parentConfig: {}, name: 'uep.a.b',
    cores: 2,
    mappedIdentity: { local: { uname: 'alice', dir: '/home/alice', gecos: "A', evil: 'x" }, globus: null }, ...changes,
  };
}

function refusal(one: RenderInput): readonly [unknown, unknown, string] {
  try {
    renderUserConfig(one);
  } catch (error) {
    assert.ok(error instanceof ComputeError, String(error));
    return [error.details['step'], error.details['kind'], error.message];
  }
  assert.fail('it was not refused');
}

const document = (text: string, options: JsonObject, changes = {}): Readonly<Record<string, unknown>> =>
  renderUserConfig(input(ENGINE + text, options, changes)).document;

suite('a user\'s values in a template', () => {
  test('become a configuration', () => {
    const rendered = renderUserConfig(input(`${ENGINE}display_name: {{ NAME }}\nidle_heartbeats_soft: {{ SOFT }}\n`,
      { NAME: 'no: "scalar" \n but a name', SOFT: 3 }));
    assert.equal(rendered.config.display_name, 'no: "scalar" \n but a name');
    assert.equal(rendered.config.idle_heartbeats_soft, 3);
    assert.deepEqual(rendered.values, { NAME: '"no: \\"scalar\\" \\n but a name"', SOFT: 3 });
    assert.match(rendered.text, /^display_name: "no: \\"scalar\\" \\n but a name"$/m);
  });

  test('are refused for their names before the schema is looked at, and by the schema before they are rendered', () => {
    const schema = { path: '/etc/x/s.json', text: '{"additionalProperties": false}' };
    assert.deepEqual(refusal(input('{{', { _GC: 1 }, { schema })),
      [77, 'ValueError', "'_GC' is a reserved word and cannot be passed in via user config"]);
    const [step, kind, message] = refusal(input('{{', { X: 1 }, { schema }));
    assert.deepEqual([step, kind], [77, 'ValidationError']);
    assert.match(message, /^Additional properties are not allowed \('X' was unexpected\)\n/);
  });

  test('are printed as they were written: 1.0 is a float, at any depth, and what is large an int', () => {
    const comment = '# {{ A }} {{ B.c[0] }} {{ A == 1 }} {{ N }}\n';
    const { text } = renderUserConfig(input(`${ENGINE}${comment}`,
      { A: new Float(1), B: { c: [new Float(1e16)] }, N: 2n ** 64n }));
    assert.equal(text.split('# ')[1]?.trim(), '1.0 1e+16 True 18446744073709551616');
  });

  test('that are missing are named', () => {
    assert.deepEqual(refusal(input('a: {{ ACCOUNT_ID }}')).slice(0, 2), [77, 'UndefinedError']);
    assert.match(refusal(input('a: {{ ACCOUNT_ID }}'))[2], /^'ACCOUNT_ID' is undefined/);
  });
});

suite('what was rendered', () => {
  test('has to be a mapping', () => {
    for (const [text, why] of [['', 'it is empty'], ['# only this', 'it is empty'], ['- a', 'it is a list'],
      ['word', 'it is a single value']] as const) {
      const [step, kind, message] = refusal(input(text));
      assert.deepEqual([step, kind], [79, 'ValueError']);
      assert.ok(message.endsWith(`the rendered configuration must be a YAML mapping, and ${why}`), message);
    }
    const [step, kind, message] = refusal(input('a: [1\nb: 2'));
    assert.deepEqual([step, kind], [79, 'ParserError']);
    assert.match(message, /^user_config_template\.yaml\.j2, as rendered:2:/);
  });

  test('has an engine, known keys, and no say in assurance', () => {
    assert.deepEqual(refusal(input('debug: true')), [1, 'SystemExit',
      'Configuration for endpoint uep.a.b is missing an `engine` field; endpoint will not start. (Hint: is '
      + '`user_config_template.yaml.j2` missing an `engine` block?)']);
    assert.match(refusal(input(`${ENGINE}dispaly_name: x`))[2],
      /^user_config_template\.yaml\.j2: unknown key dispaly_name/);
    assert.deepEqual(refusal(input(`${ENGINE}high_assurance: false`)),
      [79, 'ValueError', 'Error generating template; contact MEP administrator']);
    assert.equal(document('', {}, { parentConfig: { high_assurance: true } })['high_assurance'], true);
  });
});

suite('values that would become more than values', () => {
  const attacks = ["x', qos: 'high", 'x", qos: "high', 'a, b: c', '[1, 2]', '{a: b}', 'a: b', '}, qos: {',
    '*x', '&x {}', '- a', '!!map {}', '"', "'", '#', ' #', ': ', '|', '>', '%YAML 1.1', '...', '---', '<<: {a: 1}'];

  test('are values where the template prints them plainly', () => {
    for (const attack of attacks) {
      assert.equal(document('display_name: {{ X }}', { X: attack })['display_name'], attack);
      assert.deepEqual(document('stdout: {{ X }}\nstderr: "b"', { X: attack })['stderr'], 'b');
    }
  });

  test('are values, or refused, where the template puts quotes around them', () => {
    for (const attack of attacks) {
      for (const text of ["log_dir: {a: '{{ X }}', b: c}", 'log_dir: {a: "{{ X }}", b: c}', 'stdout: \'{{ X }}\'']) {
        try {
          const rendered = document(text, { X: attack });
          const { log_dir: made = {} } = rendered;
          assert.deepEqual(Object.keys(Object(made)), text.startsWith('log_dir') ? ['a', 'b'] : []);
        } catch (error) {
          assert.ok(error instanceof ComputeError, String(error));
        }
      }
    }
  });

  test('are named with the line that they would change', () => {
    assert.deepEqual(refusal(input(`${ENGINE}display_name: {{ N }}\nlog_dir: {a: '{{ X }}', b: c}`,
      { N: 'a: b', X: "x', d: 'y" })), [77, 'ValueError',
      'the value of X would become more than a value in the configuration (line 3 of what user_config_template.yaml.j2 '
      + 'renders): a template must print it unquoted and whole, as {{ NAME }}']);
  });
});

suite('a line break in a value', () => {
  const template = (provider: string, key: string): string => 'engine:\n  type: GlobusComputeEngine\n  provider:\n'
    + `    type: ${provider}\n    launcher: {type: SimpleLauncher}\n    ${key}: {{ X }}\n`;

  test('makes no second directive of any scheduler', () => {
    const keys: Readonly<Record<string, readonly string[]>> = {
      SlurmProvider: ['account', 'partition', 'qos', 'constraint', 'clusters', 'gpus_per_node', 'gres'],
      PBSProProvider: ['account', 'queue', 'select_options'], TorqueProvider: ['account', 'queue'],
    };
    for (const [provider, names] of Object.entries(keys)) {
      for (const name of names) {
        renderUserConfig(input(template(provider, name), { X: 'plain' }));
        for (const text of ['a\n#SBATCH --array=1-9\n#PBS -J 1-9', 'a\r#PBS -h', '\n', 'a\n']) {
          const [step, , message] = refusal(input(template(provider, name), { X: text }));
          assert.equal(step, 1);
          assert.match(message, new RegExp(`^engine\\.provider\\.${name}: `));
        }
      }
    }
  });

  test('makes directives of scheduler_options that are options, and none that we need to know of', () => {
    for (const text of ['--exclusive\n#SBATCH --array=1-9', '#PBS -t 1-9', '# BSUB -J a[1-9]', '-N 5', '--x\nrm x']) {
      const [step, , message] = refusal(input(template('SlurmProvider', 'scheduler_options'), { X: text }));
      assert.deepEqual([step, message.split(',')[0]], [1, 'engine.provider.scheduler_options']);
    }
  });
});
