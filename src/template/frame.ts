// What is known of a place in a template before it runs: its variables, and what its surroundings allow.

import type { Activation } from './activation.ts';
import { Symbols } from './scopes.ts';
import { raise } from './error.ts';
import { quoted } from './text.ts';
import type { Value } from './values.ts';

export interface Tools {
  readonly filters: { has(name: string): boolean; check(name: string, line: number): void };
  readonly tests: { has(name: string): boolean };
}

/** What the statements of one template share while they are made. */
export interface TemplateState {
  readonly name: string | undefined;
  readonly tools: Tools;
  /** How many `extends` there were so far, and whether one of them is sure to run. */
  extendsSoFar: number;
  surelyExtends: boolean;
}

export class Frame {
  readonly symbols: Symbols;
  readonly state: TemplateState;
  /** Not inside of anything but `if`. */
  isTop = false;
  /** Not inside of anything. */
  isRoot = false;
  /** In an `if`, where a filter may be missing as long as it is not used. */
  isSoft = false;
  /** What is written is collected: by a macro, a `set`, a `filter`. */
  isBuffered: boolean;
  /** The template may extend another: then it writes nothing outside of blocks. */
  checksOutput: boolean;

  constructor(state: TemplateState, parent?: Frame, symbols?: Symbols) {
    this.state = state;
    this.symbols = symbols ?? new Symbols(parent?.symbols);
    this.isBuffered = parent?.isBuffered ?? false;
    this.checksOutput = parent?.checksOutput ?? false;
  }

  get template(): string | undefined {
    return this.state.name;
  }

  get tools(): Tools {
    return this.state.tools;
  }

  inner(): Frame {
    return new Frame(this.state, this);
  }

  /** The same, as it is within an `if`. */
  soft(): Frame {
    const frame = new Frame(this.state, this, this.symbols);
    frame.isTop = this.isTop;
    frame.isSoft = true;
    return frame;
  }

  idOf(name: string): string {
    // Jinja2's own words: of a set block's filter it does not look at the arguments before.
    return this.symbols.find(name) ?? raise('AssertionError', 'Tried to resolve a name to a reference that was unknown '
      + `to the frame (${quoted(name)})`);
  }

  /** Gives the frame's variables what they begin with. To be called when all is known about the frame. */
  entering(): (on: Activation) => void {
    const loads = [...this.symbols.loads];
    return (on) => {
      for (const [id, load] of loads) {
        if (load.from === 'context') on.set(id, on.context.resolve(load.name));
        else if (load.from === 'outer') on.set(id, on.get(load.id));
        else if (load.from === 'nothing') on.set(id, undefined);
      }
    };
  }

  leaving(): (on: Activation) => void {
    const ids = [...this.symbols.loads.keys()];
    return (on) => {
      for (const id of ids) on.set(id, undefined);
    };
  }

  /** What `include` and `import` hand on, beside the context. */
  locals(): (on: Activation) => Map<string, Value> {
    const stored = [...this.symbols.stored()];
    return (on) => {
      const found = new Map<string, Value>();
      for (const [name, id] of stored) {
        const value = on.get(id);
        if (value !== undefined) found.set(name, value);
      }
      return found;
    };
  }
}
