// An endpoint from its set-up to its end, whoever started it.

import { mkdirSync } from 'node:fs';
import { availableParallelism, freemem, hostname, userInfo } from 'node:os';
import { systemClock } from '../common/clock.ts';
import { ComputeError, type ErrorCode } from '../common/errors.ts';
import { exec, type Output } from '../common/exec.ts';
import type { JsonObject } from '../common/json.ts';
import type { Logger } from '../common/log.ts';
import { EXIT_CANNOT_CREATE, EXIT_IO_ERROR, EXIT_SOFTWARE, EXIT_UNAVAILABLE } from '../common/shutdown.ts';
import { aborted } from './aborted.ts';
import { Endpoint, type EndpointOptions } from './endpoint.ts';
import { tasksDirectory } from './engine-block.ts';
import type { StartInfo } from './status.ts';

export interface Serving {
  readonly options: EndpointOptions;
  readonly log: Logger;
  /** Of the process. */
  readonly title: string;
  /** Tells it to stop in order: what runs may end. */
  readonly stop: AbortSignal;
  /** Tells it that nobody waits for an orderly end: blocks are given back at once. */
  readonly hurry: AbortSignal;
  /** It takes tasks from now on. */
  readonly onUp: (recovered: Endpoint['recovered']) => Promise<void>;
}

/** Why it did not start, or did not go on, and the exit status that says so. */
export interface Failed {
  readonly error: ComputeError;
  readonly status: number;
}

// As the field's agent and sysexits(3) have them.
const EXIT_REFUSED = 77;
const EXIT_SETUP = 78;

const SETUP_MS_MAX = 30 * 60_000;
/** What of endpoint_setup's complaints is told. */
const TAIL_LINES = 5;

/** To the end: undefined when it ended in order. */
export async function serve(serving: Serving): Promise<Failed | undefined> {
  const { options, log, title, stop, hurry } = serving;
  const { endpointId, directory, config, info } = options;
  log.info({ endpoint: endpointId, version: info.version, pid: process.pid, node: process.version }, 'endpoint begins');
  for (const note of config.notes) log.warn({ note }, 'configuration is read otherwise than it is written');
  mkdirSync(tasksDirectory(config.tasks, directory), { recursive: true });
  if (config.endpoint_setup !== null) {
    const error = await setUp(config.endpoint_setup, serving);
    if (error !== undefined) return { error, status: EXIT_SETUP };
  }
  let endpoint: Endpoint;
  try {
    endpoint = await Endpoint.start(options, {
      log, clock: systemClock, onTitle: (prefix) => { process.title = prefix + title; },
    });
  } catch (error) {
    if (!(error instanceof ComputeError)) throw error;
    return { error, status: statusOf(error) };
  }
  await serving.onUp(endpoint.recovered);
  log.info({ endpoint: endpointId, ...endpoint.recovered }, 'endpoint is up');
  const ending = await Promise.race([aborted(stop), endpoint.ended]);
  log.info({ reason: ending?.type ?? String(stop.reason) }, 'endpoint is stopping');
  process.title = `[stopping] ${title}`;
  await endpoint.close({ hurry });
  log.info({ endpoint: endpointId }, 'endpoint ended');
  return ending?.type === 'failed' ? { error: ending.error, status: statusOf(ending.error) } : undefined;
}

/** What this process is, for its reports. */
export function startInfo(version: string, origin: JsonObject = {}): StartInfo {
  const { username, uid, gid } = userInfo();
  return {
    hostname: hostname(), username, uid, gid, groups: process.getgroups?.() ?? [], pid: process.pid,
    ppid: process.ppid, startedAtMs: systemClock.now(), version, cores: availableParallelism(),
    memoryGiB: Math.round(freemem() / 2 ** 20) / 1024, origin,
  };
}

/** The endpoint's own preparations; its output goes into the log. */
async function setUp(command: string, { options, log, stop }: Serving): Promise<ComputeError | undefined> {
  log.info({ command }, 'endpoint_setup runs');
  let output: Output;
  try {
    output = await exec(['/bin/sh', '-c', command], {
      cwd: options.directory, timeoutMs: SETUP_MS_MAX, signal: stop,
    });
  } catch (cause) {
    return new ComputeError('START_FAILED', 'endpoint_setup did not end', { cause });
  }
  const { code, signal, stdout, stderr } = output;
  log.info({ stdout, stderr, code }, 'endpoint_setup ended');
  if (code === 0) return undefined;
  const said = stderr.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  return new ComputeError('START_FAILED', `endpoint_setup failed with exit code ${code ?? signal}: its output is in `
    + `endpoint.log${said === '' ? '' : `, and ends with\n${said}`}`);
}

const STATUSES: Readonly<Partial<Record<ErrorCode, number>>> = {
  BROKER_REFUSED: EXIT_REFUSED, STORAGE_FAILED: EXIT_IO_ERROR, ENGINE_LOST: EXIT_SOFTWARE,
};

function statusOf({ code, details }: ComputeError): number {
  return details['reason'] === 'in-use' ? EXIT_CANNOT_CREATE : STATUSES[code] ?? EXIT_UNAVAILABLE;
}
