// User endpoints that failed to start several times in a row. Clients ask again and again: for a while they get the
// last answer, and not another process.

interface Failed {
  readonly count: number;
  readonly text: string;
  readonly atMs: number;
}

const FREE_TRIES = 3;
const FIRST_WAIT_MS = 5_000;
/** Whoever has mended a template should not have to wait long. */
const WAIT_MS_MAX = 30_000;
const REMEMBERED = 10_000;

export class FailedStarts {
  readonly #failed = new Map<string, Failed>();

  /** What it failed with, as long as it is not to be tried again. */
  refusal(name: string, nowMs: number): string | undefined {
    const failed = this.#failed.get(name);
    if (failed === undefined || failed.count < FREE_TRIES) return undefined;
    const waitMs = Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** (failed.count - FREE_TRIES));
    return nowMs - failed.atMs < waitMs ? failed.text : undefined;
  }

  failed(name: string, text: string, nowMs: number): void {
    const count = (this.#failed.get(name)?.count ?? 0) + 1;
    this.#failed.delete(name);
    this.#failed.set(name, { count, text, atMs: nowMs });
    const [oldest] = this.#failed.keys();
    if (this.#failed.size > REMEMBERED && oldest !== undefined) this.#failed.delete(oldest);
  }

  succeeded(name: string): void {
    this.#failed.delete(name);
  }
}
