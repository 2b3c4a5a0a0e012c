// What administrators write in templates, and what attackers write in values.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { ComputeError } from '../../../src/common/errors.ts';
import type { JsonObject } from '../../../src/common/json.ts';
import { includesOf } from '../../../src/endpoint/includes.ts';
import { renderUserConfig, type RenderInput } from '../../../src/endpoint/user-config.ts';
import { scratch } from '../../fakes/scratch.ts';

const SLURM = `
engine:
  type: GlobusComputeEngine
  provider:
    type: SlurmProvider
    partition: {{ PARTITION | default("debug") }}
    {% if ACCOUNT is defined %}
    account: {{ ACCOUNT }}
    {% endif %}
    walltime: {{ WALLTIME | default("1:00:00") }}
    scheduler_options: |
      {% for name, value in (OPTIONS | default({})).items() %}
      #SBATCH --{{ name }}={{ value }}
      {% endfor %}
    worker_init: {{ WORKER_INIT | default() }}
    launcher: {type: SrunLauncher}
`;

function rendered(text: string, userOptions: JsonObject, changes: Partial<RenderInput> = {}) {
  return renderUserConfig({
    template: { path: '/etc/x/user_config_template.yaml.j2', text }, schema: null, userOptions, cores: 2,
    userRuntime: { python: { version: '3.12.1' } }, parentConfig: { display_name: 'ours', admins: null },
    mappedIdentity: { local: { uname: 'alice', uid: 1000, dir: '/home/alice' }, globus: { id: 'i' } }, ...changes,
  });
}

function provider(text: string, options: JsonObject = {}): Readonly<Record<string, unknown>> {
  // Read by the provider's own parser: it has what that makes of it.
  return rendered(text, options).config.engine.provider as unknown as Readonly<Record<string, unknown>>;
}

function refusal(text: string, options: JsonObject, changes: Partial<RenderInput> = {}): readonly [unknown, string] {
  try {
    rendered(text, options, changes);
  } catch (error) {
    assert.ok(error instanceof ComputeError, String(error));
    return [error.details['kind'], error.message];
  }
  assert.fail('it was not refused');
}

suite('an administrator\'s template', () => {
  test('has its defaults, its conditions and its loops', () => {
    const plain = provider(SLURM);
    assert.deepEqual([plain['partition'], plain['account'], plain['walltimeS'], plain['worker_init']],
      ['debug', undefined, 3600, '']);
    const given = provider(SLURM, {
      PARTITION: 'gpu', ACCOUNT: 'abc', WALLTIME: '00:30:00', WORKER_INIT: 'module load a; x="y: z"\nexport B=1',
      OPTIONS: { exclusive: 'user', constraint: 'ib' },
    });
    assert.deepEqual([given['partition'], given['account'], given['walltimeS'], given['worker_init']],
      ['gpu', 'abc', 1800, 'module load a; x="y: z"\nexport B=1']);
    assert.equal(String(given['scheduler_options']).replaceAll(/\s*\n\s*/g, '\n').trim(),
      '#SBATCH --exclusive="user"\n#SBATCH --constraint="ib"');
  });

  test('compares with a user\'s text in its quotes, whatever is in it', () => {
    const text = `${SLURM}{% if X == '"a|b: c"' %}heartbeat_period: 60\n{% endif %}`;
    assert.equal(rendered(text, { X: 'a|b: c' }).config.heartbeat_period, 60);
    assert.equal(rendered(text, { X: 'a|b: d' }).config.heartbeat_period, 30);
  });

  test('finds what is ours under both names', () => {
    const text = `${SLURM}display_name: {{ _GC.user_runtime.python.version }}\n`
      + 'log_dir: /scratch/{{ mapped_identity.local.uname }}/{{ _GC.mapped_identity.local.uid }}\n'
      + 'stdout: {{ parent_config.display_name }}\nstderr: {{ user_runtime.python.none | default("none") }}\n';
    const { config } = rendered(text, {});
    assert.deepEqual([config.display_name, config.log_dir, config.stdout, config.stderr],
      ['3.12.1', '/scratch/alice/1000', 'ours', 'none']);
  });

  test('makes words of a shell of what users send', () => {
    const text = SLURM.replace('{{ WORKER_INIT | default() }}', '"echo {{ W | shell_escape }}"')
      .replace('"echo', '|\n      echo').replace('}}"', '}}');
    assert.equal(provider(text, { W: 'a b' })['worker_init'], 'echo "\'a b\'"\n');
  });

  test('includes what is beside it, and nothing from elsewhere', async () => {
    await using files = await scratch();
    const directory = files.at('templates');
    mkdirSync(directory);
    writeFileSync(`${directory}/part.j2`, 'display_name: {{ NAME }}');
    writeFileSync(files.at('secret'), 'display_name: secret');
    writeFileSync(`${directory}/closed.j2`, 'x');
    chmodSync(`${directory}/closed.j2`, 0);
    symlinkSync('/dev/zero', `${directory}/endless.j2`);
    const template = (name: string): Partial<RenderInput> => ({
      template: { path: `${directory}/t.j2`, text: `${SLURM}{% include '${name}' %}\n` },
      include: includesOf(directory),
    });
    assert.equal(rendered('', { NAME: 'a: b' }, template('part.j2')).config.display_name, 'a: b');
    for (const name of ['../secret', files.at('secret'), 'none.j2', 'endless.j2', '.', 'part.j2/../../secret']) {
      assert.equal(refusal('', {}, template(name))[0], 'TemplateNotFound', name);
    }
    assert.equal(includesOf(files.at('not there')), undefined);
    assert.match(refusal(`${SLURM}{% include 'part.j2' %}`, {})[1], /^no loader for this environment specified/);
  });
});

suite('what an attacker writes in a value', () => {
  const attacks = ['{{7*7}}', '{% raw %}', '{{ constructor.constructor("return process")() }}', '__proto__', '{#',
    'a"\n  worker_init: rm -rf /', "!!js/function 'x'", '&a [*a, *a]', '<<: *x', '\tx', 'a\0b', 'a\u2028b', 'key: [',
    '{{ _GC }}', '{% include "/etc/passwd" %}', '${HOME}', '`id`', '%j'];

  test('is what arrives, and nothing else of the configuration changes', () => {
    for (const attack of attacks) {
      const found = provider(SLURM, { PARTITION: 'p', ACCOUNT: 'a', WORKER_INIT: attack });
      assert.equal(found['worker_init'], attack);
      assert.deepEqual([found['partition'], found['account']], ['p', 'a']);
    }
    assert.equal(provider(SLURM, { WORKER_INIT: '{'.repeat(900_000) })['worker_init'], '{'.repeat(900_000));
  });

  test('is refused where a template cuts its quotes off and it would be read as more', () => {
    const bare = (inside: string): string => `${SLURM}log_dir: {a: ${inside}, b: c}\n`;
    const cases: readonly (readonly [string, string])[] = [
      ["{{ X | replace('\"', '') }}", 'x, d: e'], ['{{ X[1:-1] }}', '{d: e}'], ['{{ X[1:-1] }}', '[d]'],
      ["'{{ X }}'", "', d: 'e"], ['"{{ X }}"', ', d: '], ["{{ X.strip('\"') }}", 'x, d'],
      ['{{ X | trim(\'"\') }}', '}, evil: {d: e'],
    ];
    for (const [inside, attack] of cases) {
      const [kind, message] = refusal(bare(inside), { X: attack });
      assert.ok(kind === 'ValueError' || kind === 'ParserError', `${inside} ${attack}: ${String(kind)} ${message}`);
    }
    assert.match(refusal(bare('{{ X[1:-1] }}'), { X: 'x, d: e' })[1], /^the value of X would become more than a value/);
  });

  test('never breaks the template, and is bounded by it', () => {
    const endless = '{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}';
    const [kind] = refusal(SLURM + endless, {});
    assert.ok(kind === 'TemplateLimitReached' || kind === 'OverflowError', String(kind));
  });
});
