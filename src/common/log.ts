import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
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

export interface RotatedLogOptions extends FileLogOptions {
  /** A file that is larger becomes `path.1`, that one `path.2`, and so on. */
  readonly bytesMax: number;
  /** So many files beside the present one. */
  readonly generations: number;
  /** Gets each line as well, for whoever looks on. */
  readonly also?: (line: string) => void;
}

/** For a process that lives for weeks. */
export function rotatedLog(name: string, options: RotatedLogOptions): Logger {
  const file = new RotatedFile(options);
  const { also } = options;
  return logTo(name, options.level, also === undefined ? file : {
    write: (line) => {
      file.write(line);
      also(line);
    },
  });
}

class RotatedFile {
  readonly #options: RotatedLogOptions;
  #file: number;
  #bytes: number;
  /** A device or a pipe has no generations. */
  readonly #isFile: boolean;

  constructor(options: RotatedLogOptions) {
    this.#options = options;
    mkdirSync(dirname(options.path), { recursive: true });
    this.#file = openSync(options.path, 'a', 0o600);
    const stat = fstatSync(this.#file);
    this.#isFile = stat.isFile();
    this.#bytes = stat.size;
  }

  write(line: string): void {
    try {
      if (this.#isFile && this.#bytes >= this.#options.bytesMax) this.#rotate();
      this.#bytes += writeSync(this.#file, line);
    } catch {
      // A disk that is full must not end whoever only wanted to say something.
    }
  }

  #rotate(): void {
    const { path, generations } = this.#options;
    const nameOf = (age: number): string => (age === 0 ? path : `${path}.${age}`);
    for (let age = generations - 1; age >= 0; age--) {
      try {
        renameSync(nameOf(age), nameOf(age + 1));
      } catch {
        // There are not so many yet.
      }
    }
    const next = openSync(path, 'a', 0o600);
    closeSync(this.#file);
    this.#file = next;
    this.#bytes = fstatSync(next).size;
  }
}

function fileAt(path: string): ReturnType<typeof destination> {
  return destination({ dest: path, append: true, mkdir: true, sync: true, mode: 0o600 });
}

function logTo(name: string, level: string, to: { write(line: string): void }): Logger {
  const redact = { paths: redacted, censor: '[cut]' };
  return pino({ name, level, redact, serializers: { err: pino.stdSerializers.errWithCause } }, to);
}

/** For tests and for engines that nobody gave a log. */
export const silentLog: Logger = pino({ level: 'silent' });

const secrets = ['token', 'password', 'secretKey', 'keys'];
const redacted = secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
