// THREAD: the no-op on bare Piscina.

interface Input {
  readonly index: number;
  readonly padding: string;
}

export function noop(input: Input): number {
  return input.index;
}
