// What a block asks of each of its nodes, told to its managers by the field's names: they count no more than that, even
// where the scheduler gives whole nodes.

export interface NodeRequest {
  readonly cores_per_node?: number;
  /** GB. */
  readonly mem_per_node?: number;
}

export function exportsOf({ cores_per_node: cores, mem_per_node: memory }: NodeRequest): string {
  return [
    ...cores === undefined ? [] : [`export PARSL_CORES=${cores}\n`],
    ...memory === undefined ? [] : [`export PARSL_MEMORY_GB=${memory}\n`],
  ].join('');
}
