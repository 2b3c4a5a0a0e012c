// Questions to the interchange and the answers to them, told apart by number.

import type { FromInterchange, ToInterchange } from '../src/common/protocol.ts';

type Answer = Extract<FromInterchange, { readonly request: number }>;

export class Questions {
  readonly #open = new Map<number, (answer: Answer | undefined) => void>();
  #count = 0;

  /** Resolves to undefined when the one who knew is gone. */
  ask(
    send: (message: ToInterchange) => void, question: (request: number) => ToInterchange,
  ): Promise<Answer | undefined> {
    const request = ++this.#count;
    return new Promise((resolve) => {
      this.#open.set(request, resolve);
      send(question(request));
    });
  }

  onAnswer(answer: Answer): void {
    this.#open.get(answer.request)?.(answer);
    this.#open.delete(answer.request);
  }

  /** Whoever asked is not kept waiting. */
  giveUp(): void {
    for (const resolve of this.#open.values()) resolve(undefined);
    this.#open.clear();
  }
}
