// The functions that the measured engine runs. Workers import this module by its name.

export function noop(index: number, _padding: string): number {
  return index;
}

export function echo(payload: Uint8Array): Uint8Array {
  return payload;
}

/** Keeps its worker busy without using the processor, so that the next task must go to another. */
export async function hold(ms: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return ms;
}
