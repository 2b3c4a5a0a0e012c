import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Float } from '../../../src/common/json.ts';
import { TemplateError, fromJson, renderTemplate, toTemplateValue, type TemplateValue }
  from '../../../src/template/template.ts';

const MS_MAX = 5000;

function render(text: string, scope: Readonly<Record<string, TemplateValue>> = {}): string {
  return renderTemplate(text, scope, { name: 'site.yaml.j2' });
}

function errorOf(text: string, scope: Readonly<Record<string, TemplateValue>> = {}): TemplateError {
  const started = Date.now();
  try {
    render(text, scope);
  } catch (error) {
    assert.ok(error instanceof TemplateError, String(error));
    assert.ok(Date.now() - started < MS_MAX, `${text.slice(0, 80)} took ${Date.now() - started} ms`);
    return error;
  }
  return assert.fail(`${text} rendered`);
}

test('an error says its class, its sentence, its file and its line', () => {
  const error = errorOf('engine:\n  account: {{ ACCOUNT NAME }}\n');
  assert.deepEqual([error.kind, error.message, error.file, error.line],
    ['TemplateSyntaxError', "expected token 'end of print statement', got 'NAME'", 'site.yaml.j2', 2]);
  const late = errorOf('{% macro m() %}\n{% if true %}\n{{ X }}{% endif %}\n{% endmacro %}\na: {{ m() }}');
  assert.deepEqual([late.kind, late.message, late.line], ['UndefinedError', "'X' is undefined", 3]);
});

test('an error in an included template says that file', () => {
  const include = (name: string): string | undefined => name === 'part.yaml' ? 'a: 1\nb: {{ x.y }}' : undefined;
  const failing = (): string => renderTemplate('a\n{% include "part.yaml" %}', { x: new Map() }, {
    name: 'site.yaml.j2', include, includePath: '/site',
  });
  assert.throws(failing, {
    kind: 'UndefinedError', message: "'dict object' has no attribute 'y'", file: 'part.yaml', line: 2,
  });
});

test('what is refused says what to write instead', () => {
  const { kind, message, line } = errorOf('a\nb: {{ [1, 2]|random }}');
  assert.deepEqual([kind, line], ['TemplateRefused', 2]);
  assert.match(message, /the filter random is not supported here: .*\|first/);
});

test('numbers keep their kind and their size', () => {
  const values = fromJson('{"a": 1, "b": 1.0, "c": 123456789012345678901234567890, "d": 1e3, '
    + '"e": [-0.5, "1.0", {"1": 2}]}');
  assert.ok(values instanceof Map);
  assert.equal(render('{{ a }} {{ b }} {{ c }} {{ d }} {{ e }}', Object.fromEntries(values)),
    "1 1.0 123456789012345678901234567890 1000.0 [-0.5, '1.0', {'1': 2}]");
  assert.equal(render('{{ x }}', { x: toTemplateValue({ a: [1, 1.5, true, null] }) }), "{'a': [1, 1.5, True, None]}");
  assert.equal(render('{{ x }} {{ y }}', { x: new Float(2), y: 2n ** 70n }), '2.0 1180591620717411303424');
});

test('filters of the caller get and give plain values', () => {
  const filters = {
    shell: (value: TemplateValue, ...rest: TemplateValue[]): TemplateValue => {
      return `<${value === 'a' ? 'first' : 'other'}${rest.length}>`;
    },
  };
  const text = "{{ 'a'|shell }} {{ 'b'|shell(1, [2]) }} {{ ['c']|map('shell')|list }}";
  assert.equal(renderTemplate(text, {}, { name: 't', filters }), "<first0> <other2> ['<other0>']");
});

/** Each makes its texts and lists larger and larger, in 60 rounds. */
function growing(step: string, then: string): string {
  const start = "{% set ns = namespace(l=[1], m=[1], t=(1,), n=3, s='ab') %}";
  return `${start}{% for i in range(60) %}{% set ${step} %}{% endfor %}${then}`;
}

const HOSTILE = [
  '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}',
  "{{ 'a' * 10 ** 12 }}", '{{ [0] * 10 ** 12 }}', '{{ 10 ** (10 ** 10) }}', '{{ 2 ** 100000 }}', '{{ 7 ** 77777 }}',
  "{{ 'a'.ljust(10 ** 12) }}", "{{ 'a'.center(10 ** 12) }}", "{{ 'a'|center(10 ** 12) }}", "{{ '5'.zfill(10 ** 12) }}",
  "{{ '%1000000000d' % 1 }}", "{{ '%.1000000000f' % 1 }}", "{{ '%*d' % (10 ** 12, 1) }}",
  "{{ '{:1000000000}'.format(1) }}", "{{ '{:.1000000000f}'.format(1.5) }}", "{{ 'a'|indent(10 ** 12) }}",
  "{{ [1]|batch(10 ** 12, 0)|list }}", '{{ [1]|slice(10 ** 12)|list }}',
  "{{ 'a'|replace('', 'b' * 10 ** 5)|replace('b', 'b' * 10 ** 5) }}",
  '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}',
  '{% set l = [1] %}{% for i in l %}{% set _ = l.append(1) %}{% endfor %}',
  growing('ns.s = ns.s ~ ns.s', ''), growing('ns.l = [ns.l, ns.l]', '{{ ns.l }}'),
  growing('ns.l, ns.m = [ns.l, ns.l], [ns.m, ns.m]', '{{ ns.l == ns.m }}'),
  growing('ns.t = (ns.t, ns.t)', '{{ {ns.t: 1} }}'), growing('ns.n = ns.n * ns.n', ''),
  growing('ns.l = [ns.l, ns.l]', '{{ ns.l|tojson }}'),
  '{% for i in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}',
  "{{ ('x' * 100000).split('x')|join('y' * 100000) }}",
  `{{ ${'('.repeat(100_000)}1${')'.repeat(100_000)} }}`, `{{ ${'['.repeat(100_000)} }}`,
  `{{ ${'-'.repeat(100_000)}1 }}`,
  '{% if true %}'.repeat(50_000), '{{'.repeat(400_000),
];

test('templates that would never end, or fill the memory, fail soon', () => {
  for (const text of HOSTILE) {
    const { kind } = errorOf(text);
    assert.match(kind, /^(TemplateLimitReached|RecursionError|TemplateSyntaxError|ValueError)$/, text.slice(0, 80));
  }
});

test('values that are large or deep are text like others, or fail soon', () => {
  assert.equal(render('{{ x|length }}', { x: '{{'.repeat(200_000) }), '400000');
  let deep: TemplateValue = 'x';
  for (let i = 0; i < 100_000; i += 1) deep = [deep];
  assert.equal(errorOf('{{ x }}', { x: deep }).kind, 'RecursionError');
  assert.equal(errorOf('{{ x }}', { x: 'a'.repeat(3_000_000) }).kind, 'TemplateLimitReached');
});

test('limits are those that are given', () => {
  const limited = (limits: { stepsMax?: number; outputCharsMax?: number }): () => string => {
    return () => renderTemplate('{% for i in range(100) %}abc{% endfor %}', {}, { name: 't', limits });
  };
  assert.throws(limited({ stepsMax: 50 }), { kind: 'TemplateLimitReached', message: /more than 50 steps/ });
  assert.throws(limited({ outputCharsMax: 299 }), { kind: 'TemplateLimitReached', message: /than 299 characters/ });
  assert.equal(limited({ outputCharsMax: 300 })().length, 300);
});

const HOSTILE_NAMES = ['constructor', '__proto__', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', 'caller',
  'call', 'apply', 'bind', '__defineGetter__', 'length', 'then', 'toJSON'];

test('no name reaches an object of JavaScript', () => {
  const things = ["''", '1', '1.5', 'true', 'none', '[]', '()', '{}', 'range', 'range(2)', 'dict', 'namespace()',
    "cycler('a')", 'joiner()', "''.upper", '[].append', '{}.items()', "[1]|map('string')", "'a'|tojson", 'x',
    'missing'];
  for (const thing of things) {
    for (const name of HOSTILE_NAMES) {
      for (const text of [`{{ (${thing}).${name} is defined }}`, `{{ (${thing})['${name}'] is defined }}`,
        `{{ (${thing})|attr('${name}') is defined }}`]) {
        try {
          assert.equal(render(text, { x: new Map([['a', 1]]) }), 'False', text);
        } catch (error) {
          assert.ok(error instanceof TemplateError, `${text}: ${String(error)}`);
        }
      }
    }
  }
});

test('a value is never taken for a template', () => {
  const anyText = fc.oneof(fc.string(), fc.string({ unit: 'binary' }),
    fc.constantFrom('{{ 7*7 }}', '{% raw %}', '{#', '{{ x }}', '}}', '%}'));
  fc.assert(fc.property(anyText, (value) => {
    assert.equal(render('a: {{ x }}', { x: value }), `a: ${value}`);
    assert.equal(render('{% for v in x %}{{ v }}{% endfor %}', { x: [value, value] }), value + value);
    assert.equal(render('{{ x[k] }}{{ x.get(k) }}', { k: value, x: new Map([[value, 'v']]) }), 'vv');
  }));
});

test('any text as a template renders or fails as a template', () => {
  const pieces = fc.constantFrom('{{', '}}', '{%', '%}', '{#', '#}', 'if', 'for', 'in', 'set', 'x', '1', '.', '|',
    '(', ')', '[', ']', '{', '}', ',', ':', '-', '+', '*', '%', '~', '"', "'", '\\', ' ', '\n', 'raw', 'endraw',
    'is', 'not', '=', 'é');
  fc.assert(fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
    try {
      render(parts.join(''), { x: 1 });
    } catch (error) {
      assert.ok(error instanceof TemplateError, `${parts.join('')}: ${String(error)}`);
    }
  }), { numRuns: 500 });
});
