import { pino, destination, type Logger as PinoLogger } from 'pino';

/** A logger with its context; children by `child({ block })`. */
export type Logger = PinoLogger;

export interface LogOptions {
  /** 'trace' … 'fatal', or 'silent'. */
  readonly level: string;
  /** A file to append to; without one, standard error. */
  readonly path?: string | undefined;
}

export interface FileLogOptions extends LogOptions {
  readonly path: string;
}

/** One per process, made in its `main.ts`. JSON lines; secrets are cut out by name. */
export function rootLog(name: string, options: LogOptions): Logger {
  const { level, path } = options;
  return logTo(name, level, path === undefined ? destination({ dest: 2, sync: true }) : fileAt(path));
}

/** For a part that ends before its process does; nothing may be logged after `close`. */
export function fileLog(name: string, { level, path }: FileLogOptions): { log: Logger; close: () => void } {
  const to = fileAt(path);
  return { log: logTo(name, level, to), close: () => to.end() };
}

function fileAt(path: string): ReturnType<typeof destination> {
  return destination({ dest: path, append: true, mkdir: true, sync: true, mode: 0o600 });
}

function logTo(name: string, level: string, to: ReturnType<typeof destination>): Logger {
  const redact = { paths: redacted, censor: '[cut]' };
  return pino({ name, level, redact, serializers: { err: pino.stdSerializers.errWithCause } }, to);
}

/** For tests and for engines that nobody gave a log. */
export const silentLog: Logger = pino({ level: 'silent' });

const secrets = ['token', 'password', 'secretKey', 'keys'];
const redacted = secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
