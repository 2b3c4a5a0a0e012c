/** What was opened, closed in the opposite order when the block ends, unless somebody else takes it over. */
export class Closers implements AsyncDisposable {
  #closers: (() => unknown)[] = [];

  add(close: () => unknown): void {
    this.#closers.push(close);
  }

  use<T extends AsyncDisposable>(opened: T): T {
    this.add(() => opened[Symbol.asyncDispose]());
    return opened;
  }

  /** Everything so far is the other's. */
  move(): Closers {
    const other = new Closers();
    other.#closers = this.#closers;
    this.#closers = [];
    return other;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.splice(0).toReversed()) await close();
  }
}
