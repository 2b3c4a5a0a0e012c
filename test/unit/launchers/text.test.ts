// What the launchers write, as text. What it does when it is run is in contract and site.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { quoteAll } from '../../../src/common/quote.ts';
import { buildLauncher, parseLauncher } from '../../../launchers/index.ts';
import { inLine } from '../../../launchers/overrides.ts';

const SHAPE = { nodes: 2, managersPerNode: 1 };
const text = (config: object, command = 'bash /run/0/manager.sh', shape = SHAPE): string =>
  buildLauncher(parseLauncher(config)).wrap(command, shape);

const ALL = [
  { type: 'SimpleLauncher' }, { type: 'SingleNodeLauncher' }, { type: 'WrappedLauncher', prepend: 'time' },
  { type: 'SrunLauncher' }, { type: 'MpiExecLauncher' }, { type: 'MpiRunLauncher' },
];

test('srun starts one manager on each of the block\'s nodes, with all that the job has there', () => {
  const line = /^exec 7> >\(([^']*)bash -c/m.exec(text({ type: 'SrunLauncher', overrides: '-c 128' }))?.[1] ?? '';
  assert.equal(line.replaceAll(/\s*\\\n\s*/g, ' ').trim(),
    'srun --nodes=2 --ntasks=2 --ntasks-per-node=1 --input=all --label --overlap --mem=0 --cpu-bind=none --mpi=none'
    + ' --no-kill --kill-on-bad-exit=0 --wait=0 -c 128');
});

test('several managers on a node are as many tasks or ranks there', () => {
  const shape = { nodes: 3, managersPerNode: 2 };
  assert.match(text({ type: 'SrunLauncher' }, 'm', shape), /--nodes=3 --ntasks=6 --ntasks-per-node=2/);
  const mpi = text({ type: 'MpiExecLauncher' }, 'm', shape);
  assert.match(mpi, /^ranks=6$/m);
  assert.match(mpi, /-ppn 2\)/);
  assert.match(mpi, /--map-by ppr:2:node:OVERSUBSCRIBE\)/);
});

test('mpiexec binds nothing, by the option that the site names', () => {
  assert.match(text({ type: 'MpiExecLauncher' }), /\(exec mpiexec --bind-to none "\$\{options\[@\]\}" -n "\$ranks"/);
  const polaris = { type: 'MpiExecLauncher', bind_cmd: '--cpu-bind', overrides: '--depth=64 --ppn 1' };
  const options = '"\\$\\{options\\[@\\]\\}" -n "\\$ranks"';
  assert.match(text(polaris), new RegExp(`mpiexec --cpu-bind none ${options} --depth=64 --ppn 1 \\\\\\n {2}bash -c`));
  const elsewhere = { type: 'MpiRunLauncher', bash_location: '/opt/my bash' };
  assert.match(text(elsewhere), new RegExp(`exec mpirun ${options} \\\\\\n {2}'/opt/my bash' -c`));
});

test('what the site says itself is not said twice', () => {
  const own = text({ type: 'MpiExecLauncher', overrides: '-ppn 1 --bind-to socket' });
  assert.doesNotMatch(own, /-ppn 1\)|--bind-to none/);
  assert.match(own, /-ppn 1 --bind-to socket/);
  assert.doesNotMatch(text({ type: 'MpiRunLauncher', overrides: '--bind-to socket' }), /--bind-to none/);
});

test('the wrapper stands before the command, and says when it leaves nodes without a manager', () => {
  const one = { nodes: 1, managersPerNode: 1 };
  const wrapped = { type: 'WrappedLauncher', prepend: 'apptainer exec my.sif' };
  assert.match(text(wrapped, 'bash m.sh', one), /^apptainer exec my\.sif bash m\.sh <\/dev\/null &$/m);
  assert.doesNotMatch(text(wrapped, 'bash m.sh', one), />&2$/m);
  assert.match(text(wrapped), /echo "WrappedLauncher starts one manager; this block has room for 1 more .*" >&2/);
  assert.throws(() => parseLauncher({ type: 'WrappedLauncher' }), { message: /prepend is missing/ });
});

test('overrides of several lines become one, however a file\'s author broke them', () => {
  const cases: [string, string][] = [
    ['', ''], ['  \n', ''], ['--a', ' --a'], ['--a \\\n  --b\n', ' --a --b'], ['--a\n--b', ' --a --b'],
    ['hostname; srun --gpu-bind=map_gpu:"0,1" \\', ' hostname; srun --gpu-bind=map_gpu:"0,1"'], ['\\', ''],
    ['--comment=a\\ b', ' --comment=a\\ b'],
  ];
  for (const [overrides, line] of cases) assert.equal(inLine(overrides), line);
});

/** Runs the text with launch commands that do nothing but start the program once, as they would on each node. */
function run(config: object, words: readonly string[]): { status: number | null; stderr: string } {
  const after = 'shift_to() { while [ "$1" != bash ] && [ "$1" != /bin/bash ]; do shift; done; "$@"; }';
  const stubs = ['srun', 'mpiexec', 'mpirun'].map((name) =>
    `${name}() { [ "$1" = --version ] && { echo HYDRA; return; }; shift_to "$@"; }`);
  // `exec` skips functions, and the shell of a process substitution ends with its last command anyhow.
  const script = [after, ...stubs, text(config, quoteAll(words), { nodes: 1, managersPerNode: 1 })].join('\n');
  const { status, stderr } = spawnSync('bash', ['-c', script.replaceAll('exec mpi', 'mpi')], { encoding: 'utf8' });
  return { status, stderr };
}

for (const config of ALL) {
  test(`${config.type}: words reach the manager as they are, whatever is in them`, () => {
    const word = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((one) => !one.includes('\0'));
    fc.assert(fc.property(word, fc.constantFrom('\'', '"', '$HOME', '`id`', '\\', '\n', ' ', '*', ''), (one, hard) => {
      const said = run({ ...config, ...config.type === 'WrappedLauncher' ? { prepend: 'env' } : {} },
        ['bash', '-c', 'printf "<%s>" "$@" >&2', 'manager', one, hard, one + hard]);
      assert.deepEqual(said, { status: 0, stderr: `<${one}><${hard}><${one}${hard}>` });
    }), { numRuns: 25 });
  });

  test(`${config.type}: debug changes nothing but what is said on stdout`, () => {
    const silenced = (debug: boolean): string => text({ ...config, debug }).replaceAll(/^(\s*)echo ".*"$/gm, '$1:');
    assert.equal(silenced(true), silenced(false));
  });

  test(`${config.type}: bash understands the text`, () => {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: text(config), encoding: 'utf8' });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  });
}
