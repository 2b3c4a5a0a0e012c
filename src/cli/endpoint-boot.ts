// `switchyard endpoint enable-on-boot`, `disable-on-boot`: a unit of systemd that starts an endpoint with the machine.

import { chmod, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EndpointFolder } from './endpoint-directory.ts';
import { instanceOf } from './endpoint-instance.ts';
import { causeText, misuse } from './failure.ts';

export const UNIT_DIRECTORY = '/etc/systemd/system';

export interface Unit {
  /** The endpoint's. */
  readonly name: string;
  /** The account that it runs as. */
  readonly user: string;
  /** The program with the words before `start`; the first is an absolute path. */
  readonly program: readonly string[];
  /** Where endpoints are kept, if not where that account keeps them. */
  readonly configDirectory: string | undefined;
  /** `start` would leave it in the background, where systemd loses it. */
  readonly detaches: boolean;
  /** Variables that the endpoint needs, none of them secret. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface Enabled {
  readonly name: string;
  readonly unit: string;
  readonly service: string;
}

/** Creates the unit, and starts nothing. */
export async function enableOnBoot(folder: EndpointFolder, unit: Unit, unitDirectory: string): Promise<Enabled> {
  const service = serviceName(folder.name);
  await checkSystemd(unitDirectory);
  const { state } = await instanceOf(folder);
  if (state === 'alive' || state === 'elsewhere') {
    throw misuse('Cannot enable on-boot persistence for an endpoint that is currently running. Stop endpoint '
      + `${folder.name} and try again.`);
  }
  const path = join(unitDirectory, `${service}.service`);
  const text = unitText(unit);
  try {
    await writeFile(path, text, { flag: 'wx', mode: 0o644 });
    await chmod(path, 0o644);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') {
      throw misuse(`Cannot create systemd unit file - a file with the name ${path} already exists: switchyard endpoint`
        + ` disable-on-boot ${folder.name} says how to remove it`, cause);
    }
    throw new UnitNotWritten(path, text, cause);
  }
  return { name: folder.name, unit: path, service };
}

/** What somebody with the right to do so can put there by hand. */
export class UnitNotWritten extends Error {
  readonly text: string;

  constructor(path: string, text: string, cause: unknown) {
    super(`Unable to create systemd unit file ${path}: ${causeText(cause)}.  (Do you need to be root?)`, { cause });
    this.text = text;
  }
}

export function enabledText({ unit, service }: Enabled): string {
  return `Systemd service installed at ${unit}. Run
\tsudo systemctl enable ${service} --now
to enable the service and start the endpoint.
`;
}

/** The commands that end it; whoever is there runs them. */
export async function disableOnBoot(name: string, unitDirectory: string): Promise<string[]> {
  const service = serviceName(name);
  await checkSystemd(unitDirectory);
  const path = join(unitDirectory, `${service}.service`);
  if (!await exists(path)) {
    throw misuse(`There does not appear to be an existing systemd unit for endpoint ${name} (unit file ${path} not`
      + ' found)');
  }
  return [`systemctl stop ${service}`, `systemctl disable ${service}`, `rm ${path}`];
}

export function disabledText(commands: readonly string[]): string {
  return `Run the following to disable on-boot-persistence:\n${commands.map((line) => `\t${line}\n`).join('')}`;
}

export function unitText({ name, user, program, configDirectory, detaches, environment }: Unit): string {
  const command = [
    ...program, 'start', name, ...configDirectory === undefined ? [] : ['--config-dir', configDirectory],
    ...detaches ? ['--foreground'] : [],
  ];
  return `[Unit]
Description=Switchyard endpoint "${escaped(name)}"
After=network.target
StartLimitIntervalSec=0

[Service]
ExecStart=${command.map(word).join(' ')}
${Object.entries(environment).map(([key, value]) => `Environment=${quoted(`${key}=${escaped(value)}`)}\n`).join('')}\
User=${user}
Type=simple
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
`;
}

/** Throws where systemd could not have a unit of that name: an @ would make a pattern for units of it. */
function serviceName(name: string): string {
  if (!/^[A-Za-z0-9:_.-]+$/.test(name)) {
    throw misuse(`${name} cannot be the name of a systemd unit: letters, digits, and : _ . - can; configure the`
      + ' endpoint under another name');
  }
  return `switchyard-endpoint-${name}`;
}

async function checkSystemd(unitDirectory: string): Promise<void> {
  if (await exists(unitDirectory)) return;
  throw misuse('Systemd not found. On-boot persistence is currently only implemented for systemd; check this machine\'s'
    + ' init system documentation for alternatives.');
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(() => true, () => false);
}

/** systemd puts variables of its own in for %, and of the environment for $. */
function word(text: string): string {
  return quoted(escaped(text).replaceAll('$', '$$$$'));
}

function escaped(text: string): string {
  return text.replaceAll('%', '%%');
}

function quoted(text: string): string {
  return /^[\w/.:=@%$+,-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
