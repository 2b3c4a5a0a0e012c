// From an order to a process: the administrator's files as they are now, the user's environment, and the command line.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log.ts';
import type { Started, StartOrder } from './children.ts';
import { userEnvironment, type Environment } from './environment.ts';
import { readEnvironment, readText } from './files.ts';
import { launchOf, PROGRAM, StartFailed, STEP_ENVIRONMENT } from './launch.ts';
import type { SupervisorOrders } from './orders.ts';
import { payloadOf } from './payload.ts';
import { spawnUserEndpoint } from './spawn.ts';
import { loosePath } from './strict-modes.ts';

export interface StarterOptions {
  /** Whether user endpoints run as somebody else than we do. */
  readonly becomes: boolean;
  readonly own: {
    /** What an unprivileged supervisor passes on of its own. */
    readonly environment: Environment;
    /** Where our interpreter is. */
    readonly nodeDirectory: string;
    /** Our own program, for where there is no other on the usual PATH. */
    readonly program: readonly [string, ...string[]];
  };
}

export class Starter {
  readonly #orders: SupervisorOrders;
  readonly #deps: { readonly log: Logger; readonly clock: Clock };
  readonly #options: StarterOptions;

  constructor(
    orders: SupervisorOrders, deps: { readonly log: Logger; readonly clock: Clock }, options: StarterOptions,
  ) {
    this.#orders = orders;
    this.#deps = deps;
    this.#options = options;
  }

  async start(order: StartOrder): Promise<Started> {
    const { files, written, config, debug } = this.#orders;
    const { becomes, own } = this.#options;
    const { account, command: { name, args } } = order;
    const template = await readText(files.template);
    if ('failure' in template) throw new StartFailed(template.failure);
    const schema = files.schema === null ? null : await readText(files.schema);
    if (schema !== null && 'failure' in schema) throw new StartFailed(schema.failure);
    const variables = await this.#variables();
    const loose = becomes ? await loosePath(variables['PATH']) : undefined;
    if (loose !== undefined) {
      throw new StartFailed({ step: STEP_ENVIRONMENT, error: 'PermissionError', message: loose });
    }
    const passed = becomes ? {} : own.environment;
    const environment = userEnvironment({ ...passed, ...variables }, account, own.nodeDirectory);
    const isOurs = !variables['PATH'] && !isOn(environment['PATH'] ?? '');
    const launch = launchOf({
      account, name, args, environment, becomes, ownProgram: isOurs ? own.program : undefined,
    });
    const payload = payloadOf(order, {
      template, schema, parentConfig: written, allowedFunctions: config.allowed_functions, debug,
      supervisorPid: process.pid,
    });
    return { process: await spawnUserEndpoint(launch, payload, this.#deps.clock), shown: launch.shown };
  }

  async #variables(): Promise<Environment> {
    const { log } = this.#deps;
    const { files: { environment: path } } = this.#orders;
    const { variables, problems } = await readEnvironment(path);
    if (problems.length > 0) {
      log.warn(`Not all variables were read from ${path}.  Is it a valid YAML file?  (Hint: the \`yq\` command line `
        + `utility may be helpful.)\n  ${problems.join('\n  ')}`);
    }
    return variables;
  }
}

function isOn(path: string): boolean {
  return path.split(':').some((directory) => directory.startsWith('/') && existsSync(join(directory, PROGRAM)));
}
