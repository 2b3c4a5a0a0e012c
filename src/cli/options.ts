// What is written after an option → a number, or a refusal that commander puts behind the option's name.

import { InvalidArgumentError } from 'commander';

export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`must be a whole number of at least ${min}`);
    }
    return value;
  };
}

/** Some of a thing that can be parted. */
export function quantity(text: string): number {
  const value = Number(text);
  if (!/^\d+(?:\.\d+)?$/.test(text)) throw new InvalidArgumentError('must be a number from 0');
  return value;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** '90', '90s', '1.5m', '2h', '250ms' → ms; a bare number is in seconds. */
export function duration(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  const ms = Math.round(Number(amount) * (UNIT_MS[unit] ?? NaN));
  if (!Number.isSafeInteger(ms) || ms < 1) {
    throw new InvalidArgumentError("must be a time such as '90', '90s', '5m' or '2h'");
  }
  return ms;
}
