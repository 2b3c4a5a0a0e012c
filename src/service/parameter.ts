// A value as PostgreSQL reads it as text: what every statement's parameters are, whoever carries them.

import type { Scalar, Value } from './database.ts';

export function parameterOf(value: Value): string | null {
  if (!isColumn(value)) return value === null ? null : String(value);
  return `{${value.map(elementOf).join(',')}}`;
}

function isColumn(value: Value): value is readonly Scalar[] {
  return Array.isArray(value);
}

/** A text is always quoted: unquoted it might be NULL, or end where it has a comma. */
function elementOf(value: Scalar): string {
  if (typeof value === 'string') return `"${PLAIN.test(value) ? value : value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  return value === null ? 'NULL' : String(value);
}

const PLAIN = /^[^"\\]*$/;
