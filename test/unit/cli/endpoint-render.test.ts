// What `switchyard endpoint render` and the field's `render-user-config` show.

import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { includesFor } from '../../../src/cli/endpoint-includes.ts';
import { configureEndpoint } from '../../../src/cli/endpoint-configure.ts';
import { planConfigure } from '../../../src/cli/endpoint-configure-plan.ts';
import { checkValues, readValues, renderSite, renderValues } from '../../../src/cli/endpoint-render.ts';
import { renderFiles, type FileOptions } from '../../../src/cli/endpoint-render-files.ts';
import { scratch } from '../../fakes/scratch.ts';

const SLURM = `engine:
  type: GlobusComputeEngine
  provider:
    type: SlurmProvider
    partition: cpu
    account: {{ ACCOUNT_ID }}
    walltime: {{ WALLTIME|default("00:30:00") }}
    init_blocks: 1
`;
const noService = (): never => assert.fail('nothing to ask the service for');

interface Site {
  readonly at: (name: string) => string;
  readonly write: (name: string, text: string) => Promise<string>;
}

/** An endpoint `x` with a template for Slurm, and `one` of one user. */
async function withSite(use: (site: Site) => Promise<void>): Promise<void> {
  await using files = await scratch();
  for (const [name, multiUser] of [['x', true], ['one', false]] as const) {
    await configureEndpoint({ directory: files.at('e'), name, plan: planConfigure({ multiUser }, 'linux') }, noService);
  }
  await writeFile(files.at('e/x/user_config_template.yaml.j2'), SLURM);
  await use({
    at: files.at,
    write: async (name, text) => {
      await writeFile(files.at(name), text);
      return files.at(name);
    },
  });
}

test('the values, the configuration, and the very script of the first block, and nothing is started', async () => {
  await withSite(async ({ at }) => {
    await writeFile(at('e/x/user_environment.yaml'), `SWITCHYARD_USER_DIR: ${at('theirs')}\n`);
    const site = await renderSite({ name: 'x', path: at('e/x') }, undefined);
    const rendered = await renderValues(site, { ACCOUNT_ID: 'a-1', WALLTIME: '00:02:00' });
    assert.deepEqual([rendered.user, rendered.values], [userInfo().username, {
      ACCOUNT_ID: 'a-1', WALLTIME: '00:02:00',
    }]);
    assert.match(rendered.config, /^ {4}account: "a-1"\n {4}walltime: "00:02:00"$/m);
    const { block: { provider, script, submit, launch, path } } = rendered;
    assert.equal(provider, 'SlurmProvider');
    assert.match(script, /^#SBATCH --account=a-1$/m);
    assert.match(script, /^#SBATCH --time=00:02:00$/m);
    assert.ok(path.startsWith(`${at('theirs')}/uep.00000000-`), path);
    assert.ok(submit.includes('sbatch') && submit.includes(path) && script.includes(launch), submit);
    await assert.rejects(renderValues(site, {}), { message: /^\(UndefinedError\) 'ACCOUNT_ID' is undefined/ });
    await assert.rejects(renderSite({ name: 'one', path: at('e/one') }, undefined), {
      message: /^Endpoint one does not support templating\./,
    });
    await assert.rejects(renderSite({ name: 'x', path: at('e/x') }, 'no-such-user'), {
      message: /^there is no local account "no-such-user"/,
    });
  });
});

test('a file of values is read as what users send: 1.0 is a float', async () => {
  await withSite(async ({ at, write }) => {
    await writeFile(at('e/x/user_config_template.yaml.j2'), `${SLURM}display_name: v{{ VERSION }}\n`);
    const site = await renderSite({ name: 'x', path: at('e/x') }, undefined);
    const values = await readValues(await write('v.json', '{"ACCOUNT_ID": "a", "VERSION": 1.0}'));
    assert.match((await renderValues(site, values)).config, /^display_name: v1\.0$/m);
  });
});

test('what a template may include is what its user can list and read', async () => {
  await using files = await scratch();
  await chmod(files.path, 0o755);
  await mkdir(files.at('shared'), { mode: 0o755 });
  await writeFile(files.at('shared/open'), 'open', { mode: 0o644 });
  await writeFile(files.at('shared/closed'), 'closed', { mode: 0o600 });
  const own = process.getuid?.() ?? 0;
  const found = async (uid: number): Promise<(string | undefined)[]> => {
    const include = await includesFor(files.at('shared'), uid);
    return ['open', 'closed', '../shared/open'].map((name) => include?.(name));
  };
  assert.deepEqual(await found(own), ['open', 'closed', undefined]);
  assert.deepEqual(await found(own + 1), ['open', undefined, undefined]);
  await chmod(files.at('shared'), 0o711);
  assert.deepEqual(await found(own + 1), [undefined, undefined, undefined]);
});

test('each file of a directory is tried, and told as its user would be', async () => {
  await withSite(async ({ at, write }) => {
    const site = await renderSite({ name: 'x', path: at('e/x') }, undefined);
    await assert.rejects(checkValues(site, at('e')), { message: /has no \.json files/ });
    await assert.rejects(checkValues(site, at('none')), { message: /cannot read the directory of values/ });
    await write('e/good.json', '{"ACCOUNT_ID": "a"}');
    await write('e/list.json', '[]');
    await write('e/none.json', '{}');
    await write('e/text.txt', '{');
    const checked = await checkValues(site, at('e'));
    assert.deepEqual(checked.map(({ file, ok }) => [file, ok]), [
      ['good.json', true], ['list.json', false], ['none.json', false],
    ]);
    assert.match(checked[1]?.problem ?? '', /^Invalid user options data in .*list\.json: must be a JSON dictionary\.$/);
    assert.match(checked[2]?.problem ?? '', /^\(UndefinedError\) 'ACCOUNT_ID' is undefined/);
  });
});

test('the field’s command takes each of its files, one of them from standard input', async () => {
  await withSite(async ({ at, write }) => {
    const render = async (options: FileOptions, input = ''): Promise<string> =>
      (await renderFiles(options, at('e'), Readable.from([input]))).text;
    assert.match(await render({ endpoint: 'x', userOptions: '-' }, '{"ACCOUNT_ID": "a"}'), /account: "a"/);
    const values = await write('v.json', '{"ACCOUNT_ID": "b"}');
    assert.match(await render({ endpoint: 'x', userOptionsFile: values }), /account: "b"/);
    assert.match(await render({ template: '-', userOptions: values }, SLURM), /account: "b"/);
    assert.match(await render({ endpoint: 'x', template: '-', userOptions: values }, `# mine\n${SLURM}`), /^# mine/);
    const schema = await write('s.json', '{"properties": {"ACCOUNT_ID": {"type": "integer"}}}');
    await assert.rejects(render({ endpoint: 'x', userOptions: values, userSchema: schema }), {
      message: /^\(ValidationError\) 'b' is not of type 'integer'/,
    });
    const wrong: [FileOptions, RegExp][] = [
      [{}, /^Must provide at least one of --endpoint or --template\.$/],
      [{ template: '-', userOptions: '-' }, /^At most one input may be read from stdin across all options\.$/],
      [{ endpoint: 'one' }, /^Endpoint one does not support templating\.$/],
      [{ endpoint: 'x', parentConfig: at('e/one/config.yaml') }, /^Provided parent config does not support templating/],
      [{ endpoint: 'x', parentConfig: await write('p', '- 1') }, /^Invalid parent config data in .*p\.$/],
      [{ endpoint: 'x', userRuntime: await write('r', '{') }, /^Invalid JSON in .*r for user runtime/],
      [{ endpoint: 'x', mappedIdentity: await write('m', '1') }, /^Invalid mapped identity data in .*must be a JSON/],
      [{ endpoint: 'x', userOptions: at('none') }, /^cannot read .*none: no such file/],
      [{ endpoint: 'y' }, /^There is no endpoint configuration on this machine/],
    ];
    for (const [options, message] of wrong) await assert.rejects(render(options), { message });
  });
});
