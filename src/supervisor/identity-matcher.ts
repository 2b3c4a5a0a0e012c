// Whether a pattern matches a whole text, and what its groups captured: leftmost and greedy, as Python's `re` finds it.
// The text is a stranger's, so the time has a bound. A state that has failed once is not tried again, which makes it at
// most (steps of the pattern) × (characters of the text); with back-references that would be wrong, and the budget
// alone is the bound.

import type { Pattern, PatternNode } from './identity-pattern.ts';

type Step =
  | { readonly do: 'character'; readonly character: string }
  | { readonly do: 'any' | 'end' }
  /** The second way is gone when the first fails. */
  | { readonly do: 'try'; readonly first: number; readonly second: number }
  | { readonly do: 'jump'; readonly to: number }
  | { readonly do: 'mark'; readonly mark: number }
  | { readonly do: 'same'; readonly group: number };

export interface Matcher {
  readonly steps: readonly Step[];
  readonly groups: number;
  readonly hasReferences: boolean;
  readonly ignoreCase: boolean;
}

/** How many steps are left, over everything that it is handed to. */
export interface Budget {
  steps: number;
}

/** Not an answer: it took longer than it may. */
export class BudgetSpent extends Error {
  override readonly name = 'TimeoutError';
}

/** undefined: a group that took no part. */
export type Captures = readonly (string | undefined)[];

export function matcherOf(pattern: Pattern, ignoreCase: boolean): Matcher {
  const steps: Step[] = [];
  write(steps, pattern.root, ignoreCase ? folded : (character) => character);
  steps.push({ do: 'end' });
  return { steps, groups: pattern.groups, hasReferences: pattern.hasReferences, ignoreCase };
}

/** undefined: it does not match. Throws BudgetSpent. */
export function matchWhole(matcher: Matcher, text: string, budget: Budget): Captures | undefined {
  const characters = Array.from(text);
  const marks = new Search(matcher, characters, budget).run();
  if (marks === undefined) return undefined;
  return Array.from({ length: matcher.groups }, (_, group) => {
    const [start, end] = [marks[2 * group] ?? -1, marks[2 * group + 1] ?? -1];
    return end < 0 ? undefined : characters.slice(start, end).join('');
  });
}

function write(steps: Step[], node: PatternNode, fold: (character: string) => string): void {
  switch (node.type) {
    case 'character': steps.push({ do: 'character', character: fold(node.character) }); return;
    case 'any': steps.push({ do: 'any' }); return;
    case 'same': steps.push({ do: 'same', group: node.group }); return;
    case 'sequence': for (const part of node.parts) write(steps, part, fold); return;
    case 'either': writeEither(steps, node.branches, fold); return;
    case 'optional': case 'repeated': {
      const start = steps.push({ do: 'end' }) - 1; // in its place, once it is known where the body ends
      write(steps, node.body, fold);
      if (node.type === 'repeated') steps.push({ do: 'jump', to: start });
      steps[start] = { do: 'try', first: start + 1, second: steps.length };
      return;
    }
    case 'group':
      if (node.group !== undefined) steps.push({ do: 'mark', mark: 2 * node.group });
      write(steps, node.body, fold);
      if (node.group !== undefined) steps.push({ do: 'mark', mark: 2 * node.group + 1 });
  }
}

function writeEither(
  steps: Step[], branches: readonly PatternNode[], fold: (character: string) => string,
): void {
  const exits: number[] = [];
  for (const [i, branch] of branches.entries()) {
    const isLast = i === branches.length - 1;
    const choice = isLast ? undefined : steps.push({ do: 'end' }) - 1;
    write(steps, branch, fold);
    if (choice === undefined) continue;
    exits.push(steps.push({ do: 'end' }) - 1);
    steps[choice] = { do: 'try', first: choice + 1, second: steps.length };
  }
  for (const exit of exits) steps[exit] = { do: 'jump', to: steps.length };
}

/** Where to go on when the present way fails: another way, or first a mark put back. */
type Resume = { readonly step: number; readonly at: number } | { readonly mark: number; readonly was: number };

class Search {
  readonly #matcher: Matcher;
  readonly #characters: readonly string[];
  readonly #budget: Budget;
  readonly #marks: Int32Array;
  /** A bit for each step at each character. */
  readonly #failed: Uint8Array | undefined;
  readonly #resume: Resume[] = [];

  constructor(matcher: Matcher, characters: readonly string[], budget: Budget) {
    this.#matcher = matcher;
    this.#characters = matcher.ignoreCase ? characters.map(folded) : characters;
    this.#budget = budget;
    this.#marks = new Int32Array(2 * matcher.groups).fill(-1);
    const states = matcher.steps.length * (characters.length + 1);
    this.#failed = matcher.hasReferences ? undefined : new Uint8Array(Math.ceil(states / 8));
  }

  run(): Int32Array | undefined {
    this.#resume.push({ step: 0, at: 0 });
    for (let next = this.#resume.pop(); next !== undefined; next = this.#resume.pop()) {
      if ('mark' in next) this.#marks[next.mark] = next.was;
      else if (this.#follow(next.step, next.at)) return this.#marks;
    }
    return undefined;
  }

  /** One way, as far as it goes; the others that it passes are noted. True: it ended with the text. */
  #follow(from: number, fromAt: number): boolean {
    let at = fromAt;
    for (let i = from; ;) {
      if (--this.#budget.steps < 0) throw new BudgetSpent('matching took more steps than it may');
      const step = this.#matcher.steps[i];
      if (step === undefined || this.#isKnown(i, at)) return false;
      switch (step.do) {
        case 'end': return at === this.#characters.length;
        case 'character':
          if (this.#characters[at] !== step.character) return false;
          at++;
          i++;
          break;
        case 'any':
          if (at === this.#characters.length || this.#characters[at] === '\n') return false;
          at++;
          i++;
          break;
        case 'try':
          this.#resume.push({ step: step.second, at });
          i = step.first;
          break;
        case 'jump': i = step.to; break;
        case 'mark':
          this.#resume.push({ mark: step.mark, was: this.#marks[step.mark] ?? -1 });
          this.#marks[step.mark] = at;
          i++;
          break;
        case 'same': {
          const length = this.#repeatedAt(step.group, at);
          if (length === undefined) return false;
          this.#budget.steps -= length;
          at += length;
          i++;
        }
      }
    }
  }

  /** How many characters of the group's text stand here again. */
  #repeatedAt(group: number, at: number): number | undefined {
    const [start, end] = [this.#marks[2 * group] ?? -1, this.#marks[2 * group + 1] ?? -1];
    if (end < 0) return undefined;
    for (let i = start; i < end; i++) {
      if (this.#characters[at + i - start] !== this.#characters[i]) return undefined;
    }
    return end - start;
  }

  /** Whether this was tried before; from now on it was. */
  #isKnown(step: number, at: number): boolean {
    if (this.#failed === undefined) return false;
    const state = step * (this.#characters.length + 1) + at;
    const [byte, bit] = [state >> 3, 1 << (state & 7)];
    const known = ((this.#failed[byte] ?? 0) & bit) !== 0;
    this.#failed[byte] = (this.#failed[byte] ?? 0) | bit;
    return known;
  }
}

/**
 * The same for a letter's cases. Latin letters are only themselves: that the Kelvin sign is a kind of k, and ſ one of
 * s, would let one domain pass for another.
 */
function folded(character: string): string {
  if (character <= '\x7f') return character.toLowerCase();
  const upper = character.toUpperCase();
  if (Array.from(upper).length !== 1) return character;
  const lower = upper.toLowerCase();
  return lower > '\x7f' && Array.from(lower).length === 1 ? lower : character;
}
