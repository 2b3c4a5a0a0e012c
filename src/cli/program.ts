// The commands by name. Each is loaded only when it is called, so that `--help` and `--version` answer at once.

import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { Command, CommanderError } from 'commander';
import { EXIT_OK, EXIT_USAGE } from '../common/shutdown.ts';
import { exitStatusOf, failureText, misuse } from './failure.ts';

interface CommandEntry {
  readonly description: string;
  readonly load: () => Promise<Command>;
}

const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  run: {
    description: 'run a function or a command over many inputs',
    load: async () => (await import('./run.ts')).runCommand(terminal, (status) => { process.exitCode = status; }),
  },
  blocks: {
    description: 'list the blocks of all runs; give back those that a killed run left',
    load: async () => (await import('./blocks.ts')).blocksCommand((status) => { process.exitCode = status; }),
  },
  service: {
    description: 'run the web service, and manage its users',
    load: async () => (await import('./service.ts')).serviceCommand(),
  },
  endpoint: {
    description: 'serve tasks that others submit through the service',
    load: async () => (await import('./endpoint.ts')).endpointCommand((status) => { process.exitCode = status; }),
  },
  login: {
    description: 'log in to the service',
    load: async () => (await import('./login.ts')).loginCommand(),
  },
  logout: {
    description: 'forget who is logged in, and give the tokens back',
    load: async () => (await import('./login.ts')).logoutCommand(),
  },
  whoami: {
    description: 'say who is logged in',
    load: async () => (await import('./login.ts')).whoamiCommand(),
  },
  bench: {
    description: 'measure what this machine, or a cluster, does with tasks',
    load: async () => (await import('./bench.ts')).benchCommand(),
  },
};

const argv = process.argv.slice(2);
/** The name that the field's users type for what is `switchyard endpoint` here. */
const isEndpointProgram = basename(process.argv[1] ?? '') === 'switchyard-endpoint';
const name = isEndpointProgram ? 'endpoint' : argv.find((word) => !word.startsWith('-')) ?? '';
const { NO_COLOR = '', SWITCHYARD_DEBUG = '', TERM } = process.env;
// A terminal that cannot move its cursor calls itself dumb.
const terminal = { live: process.stderr.isTTY && TERM !== 'dumb', colours: NO_COLOR === '' };
const verbose = argv.includes('--verbose') || SWITCHYARD_DEBUG !== '';

/** Sets the exit status. */
export async function runProgram(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreHangUp);
  try {
    await (await programFor(name)).parseAsync(argv, { from: 'user' });
  } catch (error) {
    process.exitCode = reported(error);
  }
}

/** As in `switchyard … | head`: who has seen enough gets no more, and what was begun is brought to its end. */
function ignoreHangUp(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

async function programFor(called: string): Promise<Command> {
  const program = (isEndpointProgram ? await endpointProgram() : await switchyardProgram(called))
    .version(version(), '-V, --version', 'the version');
  for (const command of withSubcommands(program)) {
    // Commander would print and exit by itself; there is one place for both.
    command.exitOverride().configureOutput({ outputError: () => { /* told below */ } });
  }
  return program;
}

async function switchyardProgram(called: string): Promise<Command> {
  const program = new Command('switchyard').description('Run large batches of tasks on HPC clusters')
    .helpCommand(false);
  for (const [command, { description, load }] of Object.entries(COMMANDS)) {
    program.addCommand(command === called ? await load() : new Command(command).description(description));
  }
  return program;
}

async function endpointProgram(): Promise<Command> {
  const { endpointCommand } = await import('./endpoint.ts');
  return endpointCommand((status) => { process.exitCode = status; }).name('switchyard-endpoint');
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

function version(): string {
  const { version: text } = createRequire(import.meta.url)('../../../package.json') as { version: string };
  return text;
}

function reported(error: unknown): number {
  const command = isEndpointProgram ? '-endpoint' : Object.hasOwn(COMMANDS, name) ? ` ${name}` : '';
  if (error instanceof CommanderError) {
    if (error.exitCode === EXIT_OK) return EXIT_OK; // --help and --version end this way
    const text = error.code === 'commander.help'
      ? 'no command: switchyard --help lists them'
      : `${error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')}: see switchyard${command} --help`;
    process.stderr.write(failureText(command, misuse(text), false));
    return EXIT_USAGE;
  }
  process.stderr.write(failureText(command, error, verbose));
  return exitStatusOf(error);
}
