// What a rendering may cost. Everything that a template or a value can make large pays here before it is made, so a
// hostile one ends within milliseconds. Rendering is synchronous: one budget is under way at a time.

import { TemplateError } from './error.ts';

export interface Limits {
  /** Statements, calls, items and, sixteen at a time, characters. */
  readonly stepsMax: number;
  /** The result, and each text on the way to it. */
  readonly outputCharsMax: number;
}

export const DEFAULT_LIMITS: Limits = { stepsMax: 500_000, outputCharsMax: 1_000_000 };

const CHARS_PER_STEP = 16;

let limits = DEFAULT_LIMITS;
let stepsLeft = DEFAULT_LIMITS.stepsMax;

export function withBudget<T>(given: Partial<Limits> | undefined, act: () => T): T {
  const [outerLimits, outerSteps] = [limits, stepsLeft];
  limits = { ...DEFAULT_LIMITS, ...given };
  stepsLeft = limits.stepsMax;
  try {
    return act();
  } finally {
    [limits, stepsLeft] = [outerLimits, outerSteps];
  }
}

export function spend(steps: number): void {
  stepsLeft -= steps;
  if (!(stepsLeft >= 0)) {
    throw new TemplateError('TemplateLimitReached', `rendering takes more than ${limits.stepsMax} steps`);
  }
}

/** To be called before a text of this length is made. */
export function spendChars(chars: number): void {
  if (!(chars <= limits.outputCharsMax)) {
    throw new TemplateError('TemplateLimitReached', `a text of more than ${limits.outputCharsMax} characters`);
  }
  spend(Math.ceil(chars / CHARS_PER_STEP));
}

/** For a length that is paid for elsewhere. */
export function checkLength(chars: number): void {
  if (!(chars <= limits.outputCharsMax)) spendChars(chars);
}

/** A text whose length was bounded by those that it was made from. */
export function paid(text: string): string {
  spendChars(text.length);
  return text;
}
