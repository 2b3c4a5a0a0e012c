/** The last so many different texts that were added. */
export class Recent {
  readonly #most: number;
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  has(text: string): boolean {
    return this.#young.has(text) || this.#old.has(text);
  }

  /** Remembers it until at least `most` others were added. */
  add(text: string): void {
    this.#young.add(text);
    if (this.#young.size < this.#most) return;
    this.#old = this.#young;
    this.#young = new Set();
  }
}
