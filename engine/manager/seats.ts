// What tasks with a footprint occupy: in an ordinary engine the slots of several workers, of which one works; in an MPI
// engine one worker, and nodes.

import { ComputeError } from '../../src/common/errors.ts';
import type { Footprint, Place } from '../../src/common/protocol.ts';
import { deviceVariables, inWords, variablesOf } from '../../src/common/resources.ts';
import { launchVariables, type Launch } from './launch-prefix.ts';
import type { Seat, Slot } from './slot.ts';

/** What the slots of a node have. */
export interface Equipment {
  /** Of each slot; none or fewer where there are none. */
  readonly accelerators: readonly string[];
  readonly cores: readonly (readonly number[])[] | null;
  /** In an MPI engine. */
  readonly mpi: { readonly nodes: readonly string[]; readonly launch: Launch } | null;
}

export class Seats {
  readonly #equipment: Equipment;
  readonly #idle: Slot[];
  /** Positions of nodes that no task has, ascending. */
  #nodes: number[];

  constructor(slots: readonly Slot[], equipment: Equipment) {
    this.#equipment = equipment;
    this.#idle = slots.toReversed();
    this.#nodes = [...equipment.mpi?.nodes.keys() ?? []];
  }

  /** Slots without a task. */
  get idle(): number {
    return this.#idle.length;
  }

  /** A slot, with what the task occupies beside it. Undefined, and nothing is taken, where that is not there now. */
  take(footprint: Footprint | undefined): Slot | undefined {
    if (footprint === undefined) return this.#idle.pop();
    const seat = this.#equipment.mpi === null
      ? this.#besideOthers(footprint) : this.#onNodes(footprint, this.#equipment.mpi);
    if (seat === undefined) return undefined;
    seat.slot.seat = seat;
    return seat.slot;
  }

  /** Its task has ended. */
  giveBack(slot: Slot): void {
    const { seat } = slot;
    slot.seat = undefined;
    this.#idle.push(slot);
    if (seat === undefined) return;
    this.#idle.push(...seat.others);
    this.#nodes = [...this.#nodes, ...seat.nodes].sort((a, b) => a - b);
  }

  #besideOthers({ width, asked }: Footprint): Seat | undefined {
    if (width > this.#idle.length) return undefined;
    const [slot, ...others] = this.#idle.sort((a, b) => b.index - a.index).splice(-width).reverse();
    if (slot === undefined) return undefined;
    return { slot, others, nodes: [], place: this.#shared([slot, ...others].map(({ index }) => index), asked) };
  }

  #onNodes({ width, asked }: Footprint, { nodes: names, launch }: NonNullable<Equipment['mpi']>): Seat | undefined {
    const slot = this.#nodes.length < width ? undefined : this.#idle.pop();
    if (slot === undefined) return undefined;
    const nodes = this.#nodes.splice(0, width);
    const environment = launchVariables(nodes.map((at) => names[at] ?? ''), asked, launch);
    return { slot, others: [], nodes, place: { environment, cores: null } };
  }

  /** What these slots have together. */
  #shared(slots: readonly number[], asked: Footprint['asked']): Place {
    const { accelerators, cores } = this.#equipment;
    const devices = [...new Set(slots.flatMap((slot) => accelerators[slot]?.split(',') ?? []))];
    return {
      environment: { ...variablesOf(asked), ...(devices.length === 0 ? {} : deviceVariables(devices.join(','))) },
      cores: cores === null ? null : [...new Set(slots.flatMap((slot) => cores[slot] ?? []))].sort((a, b) => a - b),
    };
  }
}

/** The interchange gives no manager such a task; should it all the same, the task must not wait here for ever. */
export function tooWide({ width, asked }: Footprint, slots: number): ComputeError {
  return new ComputeError('TASK_TOO_LARGE',
    `the task asks for ${inWords(asked)}, which takes ${width} slots, and this manager has ${slots}`);
}
