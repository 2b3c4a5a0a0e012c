// Which cores each slot's worker is bound to, from the field's `cpu_affinity`. Pure. What does not work out is an error
// of the manager's start: a worker that failed by itself would be started again and again.

import { ComputeError } from '../../src/common/errors.ts';

/** The cores of each slot; undefined where nothing is bound. `allowed`: the cores that this process may use. */
export function coresOfSlots(affinity: string, slots: number, allowed: readonly number[]): number[][] | undefined {
  if (affinity === 'none') return undefined;
  if (affinity.startsWith('list:')) return listed(affinity, slots, allowed);
  const each = Math.floor(allowed.length / slots);
  if (each < 1) {
    throw invalid(`cpu_affinity ${affinity} binds each of ${slots} workers to cores of its own, and there are `
      + `${allowed.length}: lower max_workers_per_node, or set cpu_affinity to none`);
  }
  const cores = affinity === 'block-reverse' ? allowed.toReversed() : allowed;
  return Array.from({ length: slots }, (_, slot) => (affinity === 'alternating'
    ? cores.filter((_core, i) => i % slots === slot)
    : cores.slice(slot * each, (slot + 1) * each)));
}

/** `list:0,2-3:1`: one element for each worker. */
function listed(affinity: string, slots: number, allowed: readonly number[]): number[][] {
  const elements = affinity.slice('list:'.length).split(':');
  if (elements.length !== slots) {
    throw invalid(`cpu_affinity names cores for ${elements.length} workers, and this node has ${slots}`);
  }
  return elements.map((element) => {
    const cores = parseCores(element);
    const missing = cores.filter((core) => !allowed.includes(core));
    if (cores.length > 0 && missing.length === 0) return cores;
    throw invalid(`cpu_affinity names cores ${element}, and this block may use ${allowed.join(',')}`);
  });
}

/** `0,4-6` → 0, 4, 5, 6: the form of the kernel's own lists. */
export function parseCores(list: string): number[] {
  return list.trim().split(',').filter((part) => part !== '').flatMap((part) => {
    const [first = Number.NaN, last = first] = part.split('-').map(Number);
    return first <= last ? Array.from({ length: last - first + 1 }, (_, i) => first + i) : [];
  });
}

function invalid(message: string): ComputeError {
  return new ComputeError('CONFIG_INVALID', message);
}
