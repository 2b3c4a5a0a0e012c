import { pino, destination, type Logger as PinoLogger } from 'pino';

/** A logger with its context; children by `child({ block })`. */
export type Logger = PinoLogger;

export interface LogOptions {
  /** 'trace' … 'fatal', or 'silent'. */
  readonly level: string;
  /** A file to append to; without one, standard error. */
  readonly path?: string | undefined;
}

/** One per process, made in its `main.ts`. JSON lines; secrets are cut out by name. */
export function rootLog(name: string, options: LogOptions): Logger {
  const to = options.path === undefined
    ? destination({ dest: 2, sync: true })
    : destination({ dest: options.path, append: true, mkdir: true, sync: true, mode: 0o600 });
  return pino(
    {
      name, level: options.level, redact: { paths: redacted, censor: '[cut]' },
      serializers: { err: pino.stdSerializers.errWithCause },
    },
    to,
  );
}

/** For tests and for engines that nobody gave a log. */
export const silentLog: Logger = pino({ level: 'silent' });

const secrets = ['token', 'password', 'secretKey', 'keys'];
const redacted = secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
