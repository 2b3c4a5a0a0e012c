// Local accounts of this machine, made for a measurement and gone after it.

import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ComputeError } from '../../src/common/errors.ts';
import { exec } from '../../src/common/exec.ts';

export interface LocalAccount {
  readonly name: string;
  readonly uid: number;
}

const COMMAND_MS = 60_000;
const HOME_MODE = 0o700;
/** Others find the way to a home, and not into it. */
const HOMES_MODE = 0o711;

export class LocalAccounts implements AsyncDisposable {
  readonly all: LocalAccount[] = [];
  readonly #homes: string;

  private constructor(homes: string) {
    this.#homes = homes;
  }

  /** With homes below `directory`. Throws what is missing; then there is none. */
  static async make(count: number, directory: string): Promise<LocalAccounts> {
    const accounts = new LocalAccounts(join(directory, 'homes'));
    const prefix = `swyb-${randomBytes(3).toString('hex')}`;
    try {
      await mkdir(accounts.#homes);
      await chmod(accounts.#homes, HOMES_MODE);
      for (let index = 0; index < count; index++) await accounts.#add(`${prefix}-${index}`);
      return accounts;
    } catch (error) {
      await accounts[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { name } of this.all.splice(0)) await run('userdel', name);
    await rm(this.#homes, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  async #add(name: string): Promise<void> {
    const home = join(this.#homes, name);
    await run('useradd', '--no-create-home', '--no-log-init', '--user-group', '--home-dir', home, '--shell', '/bin/sh',
      name);
    this.all.push({ name, uid: Number(await run('id', '-u', name)) });
    await mkdir(home, { mode: HOME_MODE });
    await run('chown', `${name}:${name}`, home);
  }
}

async function run(program: string, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await exec([program, ...words], { timeoutMs: COMMAND_MS });
  if (code === 0) return stdout;
  throw new ComputeError('COMMAND_FAILED', `${program} ended with ${code}: ${stderr.trim()}`);
}
