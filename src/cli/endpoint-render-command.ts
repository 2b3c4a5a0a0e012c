// The command lines of `switchyard endpoint render` and of the field's `render-user-config`.

import { Command, Option } from 'commander';
import { formatJson, type JsonObject } from '../common/json.ts';
import { EXIT_OK, EXIT_TASKS_FAILED } from '../common/shutdown.ts';
import { DEFAULT_NAME } from './endpoint-name.ts';
import { directoryOf, named, print, warn, withDirectory, type CommonOptions } from './endpoint-options.ts';
import { findEndpoint } from './endpoint-directory.ts';
import type { FileOptions } from './endpoint-render-files.ts';
import type { CheckedFile, Rendering } from './endpoint-render.ts';
import { misuse } from './failure.ts';

interface RenderOptions extends CommonOptions {
  readonly userConfig?: string;
  readonly user?: string;
  readonly check?: string;
}

const EXAMPLES = `
Examples:
  switchyard endpoint render mycluster --user-config values.json --user alice
  switchyard endpoint render mycluster --check tests/values

Nothing is started, submitted or written. Exit status: 0 all is well, 1 a file of --check is refused, 64 the values, the
template or the command line must change.
`;

/** `exit` gets the exit status. */
export function renderCommand(exit: (status: number) => void): Command {
  return named('render', 'show what a user endpoint would be with a user\'s values')
    .option('--user-config <file>', 'the values: a JSON object (default: none)')
    .option('--user <name>', 'the local user that it would run as (default: you)')
    .option('--check <directory>', 'try each .json file of a directory, one line for each')
    .addHelpText('after', EXAMPLES)
    .action(async (name: string, _: RenderOptions, command: Command) => {
      exit(await render(name, command.optsWithGlobals()));
    });
}

async function render(name: string, options: RenderOptions): Promise<number> {
  const { userConfig, user, check } = options;
  if (check !== undefined && userConfig !== undefined) throw misuse('--check tries its own files: no --user-config');
  // Only now: templates, schemas and schedulers are nothing that other commands should wait for.
  const { checkValues, readValues, renderSite, renderValues } = await import('./endpoint-render.ts');
  const site = await renderSite(await findEndpoint(directoryOf(options), name), user);
  if (check === undefined) {
    const rendered = await renderValues(site, userConfig === undefined ? {} : await readValues(userConfig));
    for (const note of rendered.notes) warn(note);
    print(options, rendered, renderedText(rendered));
    return EXIT_OK;
  }
  const checked = await checkValues(site, check);
  print(options, checked, checkedText(checked));
  return checked.every(({ ok }) => ok) ? EXIT_OK : EXIT_TASKS_FAILED;
}

function renderedText({ user, values, config, block }: Rendering): string {
  const { provider, path, submit, script, launch } = block;
  return [
    `# Values, of a user endpoint of ${user}`, valuesText(values),
    '\n# Configuration', config.trimEnd(),
    `\n# The first block, of ${provider}: ${path}, submitted with\n#   ${submit}`, script.trimEnd(),
    '\n# What its launcher starts on the nodes', launch, '',
  ].join('\n');
}

function valuesText(values: JsonObject): string {
  const lines = Object.entries(values).map(([name, value]) => `  ${formatJson(name)}: ${formatJson(value)}`);
  return lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}\n}`;
}

function checkedText(checked: readonly CheckedFile[]): string {
  return checked.map(({ file, ok, problem = '' }) => {
    return `${ok ? 'ok  ' : 'fail'}  ${file}${ok ? '' : `: ${problem.replaceAll(/\s*\n\s*/g, ' ').trim()}`}\n`;
  }).join('');
}

/** The field's, with the field's options: the configuration alone, on standard output. */
export function renderUserConfigCommand(): Command {
  return withDirectory(new Command('render-user-config'))
    .description('show the configuration that a template gives')
    .option('-e, --endpoint <name-or-uuid>', `whose template, schema and config.yaml, such as ${DEFAULT_NAME}`)
    .option('-t, --template <file>', 'a template, instead of the endpoint\'s')
    .option('-o, --user-options <file>', 'what the user sends: a JSON object')
    .addOption(new Option('--user-options-file <file>').hideHelp())
    .option('-s, --user-schema <file>', 'a schema, instead of the endpoint\'s')
    .option('--parent-config <file>', 'a config.yaml, instead of the endpoint\'s')
    .option('--user-runtime <file>', 'what the user\'s SDK says of itself: a JSON object (default: nothing)')
    .option('--mapped-identity <file>', 'who the user is: a JSON object with local and globus (default: you)')
    .addHelpText('after', '\nOne of the files may be - : standard input.\n')
    .action(async (_: FileOptions, command: Command) => {
      const options = command.optsWithGlobals<FileOptions & CommonOptions>();
      const { renderFiles } = await import('./endpoint-render-files.ts');
      const { text } = await renderFiles(options, directoryOf(options), process.stdin);
      process.stderr.write('> Rendered user config:\n');
      process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
    });
}
