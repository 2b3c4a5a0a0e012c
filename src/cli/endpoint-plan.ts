// What `switchyard endpoint start` is asked for, and what it is going to do about it, for either kind of endpoint.

import type { Client } from '../sdk/client.ts';
import type { EndpointFolder } from './endpoint-directory.ts';
import type { EndpointOrder, EndpointProcess } from './endpoint-process.ts';

export interface StartRequest {
  readonly folder: EndpointFolder;
  /** The id to register as, where the folder has none yet, or another. */
  readonly id: string | undefined;
  /** What the command line says; without either, the kind of endpoint decides. */
  readonly foreground: boolean;
  readonly detach: boolean;
  readonly debug: boolean;
  readonly logToConsole: boolean;
  /** Of this program, as the service is told. */
  readonly version: string;
  /** Keys of the configuration that are not read as its author may think. */
  readonly warn: (text: string) => void;
  /** Once it serves tasks. What it returns is called at the end, if it stays in the foreground. */
  readonly onUp: (started: StartedEndpoint) => (() => void) | undefined;
}

export interface StartedEndpoint {
  readonly name: string;
  readonly id: string;
  readonly pid: number;
  readonly foreground: boolean;
  readonly multiUser: boolean;
}

/** What is to be started, read and checked: nothing has been done yet. */
export interface StartPlan {
  readonly multiUser: boolean;
  readonly foreground: boolean;
  readonly program: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly stopSignals: readonly NodeJS.Signals[];
  readonly notes: readonly string[];
  /** Registers it. */
  order(client: Client, signal: AbortSignal): Promise<EndpointOrder>;
  /** Of the person who has asked it to end before. */
  insist(child: EndpointProcess): void;
}
