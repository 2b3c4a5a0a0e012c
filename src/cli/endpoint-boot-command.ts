// The command lines of `switchyard endpoint enable-on-boot` and `disable-on-boot`.

import { userInfo } from 'node:os';
import { basename, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { ComputeError } from '../common/errors.ts';
import { EXIT_CANNOT_CREATE } from '../common/shutdown.ts';
import { hasClient, readCredentials, serviceUrl } from '../sdk/credentials.ts';
import {
  disabledText, disableOnBoot, enabledText, enableOnBoot, UNIT_DIRECTORY, UnitNotWritten, type Unit,
} from './endpoint-boot.ts';
import { isMultiUser, readConfigFile } from './endpoint-config.ts';
import { endpointsDirectory, findEndpoint, type EndpointFolder } from './endpoint-directory.ts';
import { directoryOf, named, print, warn, type CommonOptions } from './endpoint-options.ts';
import { refusedWith } from './failure.ts';

interface BootOptions extends CommonOptions {
  readonly unitDirectory: string;
}

export function enableOnBootCommand(): Command {
  return withUnitDirectory(named('enable-on-boot', 'let systemd start an endpoint with this machine'))
    .action(async (name: string, _: BootOptions, command: Command) => {
      await enable(name, command.optsWithGlobals());
    });
}

export function disableOnBootCommand(): Command {
  return withUnitDirectory(named('disable-on-boot', 'say how that is ended'))
    .action(async (name: string, _: BootOptions, command: Command) => {
      const options = command.optsWithGlobals<BootOptions>();
      const folder = await findEndpoint(directoryOf(options), name);
      const commands = await disableOnBoot(folder.name, options.unitDirectory);
      print(options, { name: folder.name, commands }, disabledText(commands));
    });
}

function withUnitDirectory(command: Command): Command {
  return command.addOption(new Option('--unit-directory <directory>').default(UNIT_DIRECTORY).hideHelp());
}

async function enable(name: string, options: BootOptions): Promise<void> {
  const directory = directoryOf(options);
  const folder = await findEndpoint(directory, name);
  const unit = await unitOf(folder, directory);
  await checkLogin();
  try {
    const enabled = await enableOnBoot(folder, unit, options.unitDirectory);
    print(options, enabled, enabledText(enabled));
  } catch (error) {
    if (!(error instanceof UnitNotWritten)) throw error;
    process.stdout.write(`----- Systemd unit file content -----\n${error.text}`);
    throw refusedWith(EXIT_CANNOT_CREATE, error.message, error);
  }
  if (hasClient()) {
    warn('the unit has no GLOBUS_COMPUTE_CLIENT_ID and GLOBUS_COMPUTE_CLIENT_SECRET, which say who you are here: log in'
      + ' with switchyard login, or add them with systemctl edit');
  }
}

async function unitOf({ name, path }: EndpointFolder, directory: string): Promise<Unit> {
  const { SWITCHYARD_SERVICE_URL: service = '' } = process.env;
  const program = resolve(process.argv[1] ?? '');
  return {
    name, user: userInfo().username,
    // With its own node: systemd's PATH may have another one, or none.
    program: [process.execPath, program, ...basename(program) === 'switchyard-endpoint' ? [] : ['endpoint']],
    configDirectory: directory === endpointsDirectory(undefined, {}) ? undefined : directory,
    detaches: !isMultiUser(await readConfigFile({ name, path })),
    environment: service === '' ? {} : { SWITCHYARD_SERVICE_URL: service },
  };
}

/** What starts at night cannot ask anybody. */
async function checkLogin(): Promise<void> {
  const service = serviceUrl();
  if (hasClient() || await readCredentials(service) !== undefined) return;
  throw new ComputeError('LOGIN_NEEDED', `nobody is logged in to ${service}, and at boot nobody can be asked: log in`
    + ' with switchyard login first');
}
