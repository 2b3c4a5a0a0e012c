// What the commands of `switchyard endpoint` share: options, and how they speak.

import { Command, Option } from 'commander';
import { formatJson, type JsonObject } from '../common/json.ts';
import { endpointsDirectory } from './endpoint-directory.ts';
import { DEFAULT_NAME } from './endpoint-name.ts';

export interface CommonOptions {
  readonly configDir?: string;
  readonly json?: true;
  readonly debug?: true;
}

/** A command about one endpoint. */
export function named(name: string, description: string): Command {
  return withCommon(new Command(name)).description(description)
    .argument('[name-or-uuid]', 'the endpoint', DEFAULT_NAME);
}

export function withCommon(command: Command): Command {
  return withDirectory(command).option('--json', 'print JSON')
    .option('--verbose', 'say where in the code a failure comes from').addOption(new Option('--no-color').hideHelp());
}

export function withDirectory(command: Command): Command {
  return command.option('-c, --config-dir <directory>', 'where endpoints are kept, if not in ~/.switchyard/endpoints');
}

export function directoryOf({ configDir }: CommonOptions): string {
  return endpointsDirectory(configDir, process.env);
}

export function print({ json }: CommonOptions, document: object, text: string): void {
  // Plain data; an interface has no index signature, which is all that is missing.
  process.stdout.write(json ? `${formatJson(document as JsonObject)}\n` : text);
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function warn(text: string): void {
  process.stderr.write(`switchyard endpoint: ${text}\n`);
}
