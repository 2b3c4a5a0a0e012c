const COMPACT_AT = 1_024;

/** First in, first out; taking the first of very many costs no more than of few. */
export class Line<T> {
  #items: T[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (this.#head < this.#items.length) this.#head++;
    if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#items.length) this.putBack([]);
    return item;
  }

  /** In front of all others, in this order. */
  putBack(items: readonly T[]): void {
    this.#items = [...items, ...this.#items.slice(this.#head)];
    this.#head = 0;
  }
}
