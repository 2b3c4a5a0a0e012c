// `switchyard endpoint`: endpoints of this machine, from their configuration to their end. Also installed under the
// name `switchyard-endpoint`.

import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { Command } from 'commander';
import { systemClock } from '../common/clock.ts';
import { Client } from '../sdk/client.ts';
import { showClock } from './clock-line.ts';
import { disableOnBootCommand, enableOnBootCommand } from './endpoint-boot-command.ts';
import { configureCommand } from './endpoint-configure-command.ts';
import { deletedText, deleteEndpoint, deletionTarget } from './endpoint-delete.ts';
import { findEndpoint } from './endpoint-directory.ts';
import { doctorCommand } from './endpoint-doctor-command.ts';
import { endpointsJson, endpointsText, listEndpoints } from './endpoint-list.ts';
import { mapCommand } from './endpoint-map.ts';
import { isUuid } from './endpoint-name.ts';
import {
  directoryOf, named, print, say, warn, withCommon, withDirectory, type CommonOptions,
} from './endpoint-options.ts';
import type { StartedEndpoint } from './endpoint-plan.ts';
import { renderCommand, renderUserConfigCommand } from './endpoint-render-command.ts';
import { stopToRestart } from './endpoint-restart.ts';
import { startEndpoint } from './endpoint-start.ts';
import { stopEndpoint, stoppedText, type StopDeps } from './endpoint-stop.ts';
import { misuse } from './failure.ts';
import { loginCommand, logoutCommand, whoamiCommand } from './login.ts';
import { confirmed } from './prompt.ts';

interface StartOptions extends CommonOptions {
  readonly endpointUuid?: string;
  readonly foreground?: true;
  readonly detach?: true;
  readonly logToConsole?: true;
}

interface EndOptions extends CommonOptions {
  readonly remote?: true;
  readonly force?: true;
  readonly yes?: true;
}

const stopDeps: StopDeps = { clock: systemClock, connect: () => new Client(), warn };

const EXAMPLES = `
Examples:
  switchyard endpoint configure mycluster
  switchyard endpoint start mycluster
  switchyard endpoint list
  switchyard endpoint stop mycluster
  switchyard endpoint configure mycluster --multi-user
  switchyard endpoint doctor mycluster

An endpoint is named by its name, or by the id that the service gave it; without either it is "default".

Exit status: 0 done, 64 the command line or a file must change, 65 and 69 the service refuses, or cannot be used, 73 the
endpoint runs already, 75 the service cannot be reached, 77 nobody is logged in.
`;

/** `exit` gets the exit status. */
export function endpointCommand(exit: (status: number) => void): Command {
  const endpoint = withDirectory(new Command('endpoint')).helpCommand(false)
    .description('serve tasks that others submit through the service').addHelpText('after', EXAMPLES);
  const commands = [
    configureCommand(), startCommand(exit), stopCommand(), restartCommand(exit), listCommand(), deleteCommand(),
    withCommon(mapCommand(exit)), enableOnBootCommand(), disableOnBootCommand(),
    renderCommand(exit), renderUserConfigCommand(), doctorCommand(exit),
    ...[loginCommand(), logoutCommand(), whoamiCommand()].map(withDirectory),
  ];
  for (const command of commands) endpoint.addCommand(command);
  return endpoint;
}

function startCommand(exit: (status: number) => void): Command {
  return withStartOptions(named('start', 'register an endpoint and let it serve tasks'))
    .action(async (name: string, _: StartOptions, command: Command) => {
      exit(await start(name, command.optsWithGlobals()));
    });
}

function stopCommand(): Command {
  return named('stop', 'end an endpoint that runs')
    .option('--remote', 'wherever it runs: nothing can register as it for a while')
    .action(async (name: string, _: EndOptions, command: Command) => { await stop(name, command.optsWithGlobals()); });
}

function restartCommand(exit: (status: number) => void): Command {
  return withStartOptions(named('restart', 'stop an endpoint and start it again'))
    .action(async (name: string, _: StartOptions, command: Command) => {
      const options = command.optsWithGlobals<StartOptions>();
      const stopped = await stopToRestart(await findEndpoint(directoryOf(options), name), stopDeps);
      if (!options.json) say(stoppedText(stopped));
      exit(await start(name, options));
    });
}

function listCommand(): Command {
  return withCommon(new Command('list')).description('list the endpoints of this machine')
    .action(async (_: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const endpoints = await listEndpoints(directoryOf(options));
      print(options, endpointsJson(endpoints), endpointsText(endpoints, hostname()));
    });
}

function deleteCommand(): Command {
  return named('delete', 'remove an endpoint, here and at the service')
    .option('--yes', 'do not ask')
    .option('--force', 'even if it runs, or if the service cannot be asked')
    .action(async (name: string, _: EndOptions, command: Command) => {
      await remove(name, command.optsWithGlobals());
    });
}

function withStartOptions(command: Command): Command {
  return command
    .option('--foreground', 'stay until it ends; Ctrl-C ends it. A multi-user endpoint does so by itself')
    .option('--detach', 'leave it in the background')
    .option('--endpoint-uuid <id>', 'the id to register as')
    .option('--log-to-console', 'in the foreground: its log goes to standard error, too')
    .option('--debug', 'log more');
}

async function start(name: string, options: StartOptions): Promise<number> {
  const { endpointUuid: id, foreground, detach, debug, logToConsole } = options;
  if (id !== undefined && !isUuid(id)) throw misuse(`--endpoint-uuid must be a UUID (got: '${id}')`);
  const { version } = createRequire(import.meta.url)('../../../package.json') as { version: string };
  return await startEndpoint({
    folder: await findEndpoint(directoryOf(options), name), id: id?.toLowerCase(), version,
    foreground: foreground === true, detach: detach === true, debug: debug === true,
    logToConsole: logToConsole === true, warn,
    onUp: (started) => {
      print(options, jsonOf(started), startedText(started));
      return started.multiUser && started.foreground ? showClock(process.stderr, systemClock) : undefined;
    },
  }, () => new Client());
}

async function stop(name: string, options: EndOptions): Promise<void> {
  const folder = await findEndpoint(directoryOf(options), name);
  const stopped = await stopEndpoint(folder, options.remote === true, stopDeps);
  print(options, stopped, `${stoppedText(stopped)}\n`);
}

async function remove(name: string, options: EndOptions): Promise<void> {
  const force = options.force === true;
  const target = await deletionTarget(directoryOf(options), name, force);
  const question = `Are you sure you want to delete endpoint < ${target.name} > ( ${target.id ?? 'never started'} )?`;
  if (!options.yes && !await confirmed(question)) throw misuse('Aborted! Nothing was deleted; --yes asks no question');
  const deleted = await deleteEndpoint(target, force, stopDeps);
  print(options, deleted, deletedText(deleted).map((line) => `${line}\n`).join(''));
}

function startedText({ name, id, foreground, multiUser }: StartedEndpoint): string {
  if (multiUser) {
    const shown = process.stdout.isTTY ? `\x1b[104m${id}\x1b[m` : id;
    const mode = foreground ? '' : `> Endpoint ${name} starting in detached mode.\n`;
    return `${mode}        >>> Multi-User Endpoint ID: ${shown} <<<\n`;
  }
  const end = foreground ? 'Ctrl-C ends it' : `switchyard endpoint stop ${name} ends it`;
  return `Starting endpoint; registered ID: ${id}\n${end}.\n`;
}

function jsonOf({ name, id, pid }: StartedEndpoint): object {
  return { endpoint_id: id, name, pid };
}
