import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { command, definitionOf, moduleFunction, type TaskFunction } from '../../../src/sdk/functions.ts';

/** The function again, as a worker would make it of what travels. */
function revived(fn: TaskFunction): (...args: unknown[]) => unknown {
  const definition = definitionOf(fn);
  assert.ok(definition.form === 'source');
  // oxlint-disable-next-line typescript/no-implied-eval -- as a worker does it
  return new Function(`return (${definition.source}\n)`)() as (...args: unknown[]) => unknown;
}

const forms = {
  arrow: (a: number, b: number) => a + b,
  block: (a: number, b: number) => { return a + b; },
  destructured: ({ a, b }: { a: number; b: number }) => a + b,
  // oxlint-disable-next-line object-shorthand -- the older form is what is tested
  expression: function (a: number, b: number) { return a + b; },
  method(a: number, b: number) { return a + b; },
  async asyncMethod(a: number, b: number) { return a + b; },
  'quoted name'(a: number, b: number) { return a + b; },
  async: (a: number, b: number) => a + b,
};

test('every form of a function arrives as one', async () => {
  function declared(a: number, b: number): number { return a + b; }
  const { destructured, ...others } = forms;
  for (const fn of [declared, ...Object.values(others)]) assert.equal(await revived(fn as TaskFunction)(1, 2), 3);
  assert.equal(revived(destructured as TaskFunction)({ a: 1, b: 2 }), 3);
  assert.equal(await revived(async (a) => a)(3), 3);
  // A comment at its end must not swallow what is put behind it.
  // oxlint-disable-next-line typescript/no-implied-eval -- the way to such a source
  assert.equal(revived(new Function('a', 'return a // and no more') as TaskFunction)(3), 3);
});

test('a function has the name by which errors speak of it', () => {
  assert.equal(definitionOf(forms.arrow as TaskFunction).name, 'arrow');
  assert.equal(definitionOf((() => () => 1)() as TaskFunction).name, 'anonymous');
});

test('what has no source, or is a class, is refused with the way out', () => {
  const thrown = (fn: unknown): string => {
    try {
      definitionOf(fn as TaskFunction);
    } catch (error) {
      assert.equal((error as { code: string }).code, 'NOT_SERIALIZABLE');
      return (error as Error).message;
    }
    return 'nothing';
  };
  assert.match(thrown(Math.max), /max is a built-in or bound function.*wrap it, as in \(x\) => max\(x\)/);
  assert.match(thrown(forms.arrow.bind(null)), /bound arrow is a built-in/);
  assert.match(thrown(class Shape { area = 1; }), /Shape is a class/);
});

test('a module is named by URL where it is a file, and as it is where it is a package', () => {
  const here = pathToFileURL(`${process.cwd()}/tasks.js`).href;
  for (const path of ['./tasks.js', `${process.cwd()}/tasks.js`, here, new URL(here)]) {
    assert.deepEqual(moduleFunction(path, 'run').definition,
      { form: 'module', name: 'run', module: here, exportName: 'run' });
  }
  const { definition } = moduleFunction('some-package/tasks', 'run');
  assert.equal(definition.form === 'module' && definition.module, 'some-package/tasks');
});

test('a command is named by its first word and runs where it was asked for, or where its tasks run', () => {
  const sleep = command('  sleep {}');
  const portable = { form: 'command', name: 'sleep', command: '  sleep {}', cwd: '', outputBytesMax: 1024 * 1024 };
  assert.deepEqual(sleep.definition, portable);
  assert.deepEqual(definitionOf(sleep), { ...portable, cwd: process.cwd() }, 'of an engine of our own: here');
  assert.deepEqual(command('ls', { cwd: '/tmp', outputBytesMax: 9 }).definition,
    { form: 'command', name: 'ls', command: 'ls', cwd: '/tmp', outputBytesMax: 9 });
});
