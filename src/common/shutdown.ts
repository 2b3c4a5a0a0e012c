import { constants } from 'node:os';
import type { Logger } from './log.ts';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** An AbortSignal that fires at the first SIGTERM, SIGINT or SIGHUP; the reason is the signal's name. */
export function shutdownSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of SIGNALS) process.on(name, () => controller.abort(name));
  return controller.signal;
}

/**
 * Runs a process to its end: `run` gets the shutdown signal and the exit status is what it returns. A crash is logged
 * and exits with 70, so that the parent starts another.
 */
export async function untilShutdown(log: Logger, run: (signal: AbortSignal) => Promise<number>): Promise<never> {
  let status: number;
  try {
    status = await run(shutdownSignal());
  } catch (err) {
    log.fatal({ err }, 'process failed');
    status = EXIT_SOFTWARE;
  }
  process.exit(status);
}

/** The first line of a stream, for a config on stdin; the stream stays open as a leash. */
export function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: Buffer | string): void => {
      text += chunk.toString();
      const end = text.indexOf('\n');
      if (end < 0) return;
      stream.removeListener('data', onData);
      stream.removeListener('end', onEnd);
      resolve(text.slice(0, end));
    };
    const onEnd = (): void => reject(new Error('stdin closed before a config line came'));
    stream.on('data', onData);
    stream.once('end', onEnd);
  });
}

/** Exit statuses, after sysexits(3). */
export const EXIT_OK = 0;
export const EXIT_TASKS_FAILED = 1;
export const EXIT_USAGE = 64;
export const EXIT_DATA_ERROR = 65;
export const EXIT_UNAVAILABLE = 69;
export const EXIT_SOFTWARE = 70;
export const EXIT_CANNOT_CREATE = 73;
export const EXIT_IO_ERROR = 74;
export const EXIT_TEMPORARY = 75;
export const EXIT_NOT_ALLOWED = 77;
/** 128 + the signal's number, as a shell reports it. */
export function exitOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
