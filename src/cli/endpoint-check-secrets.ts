// What looks like a secret in files that the service is told. By its place, and not by its value.

import { ok, warning, type Finding } from './endpoint-finding.ts';
import type { NamedText } from './endpoint-input.ts';

const NAMED = /\b\w*(?:password|passwd|secret|token|api_?key|private_?key|credential)\w*["']?\s*[:=]\s*(\S.*)$/i;
/** Nothing, or what somebody else puts there: a user, or a shell. */
const NO_VALUE = /^(?:#|null\b|~|true\b|false\b|(["'])\s*\1|["']?\s*(?:\{\{|\$))/;
/** What is one by its form. */
const FORMS: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/, /\bAKIA[0-9A-Z]{16}\b/, /\bgh[pousr]_[A-Za-z0-9]{20,}/,
  /:\/\/[^\s/:@]+:[^\s/@]+@/,
];

/** `told`: what the service is told when the endpoint starts, so that users can see what they may ask for. */
export function checkSecrets(told: readonly NamedText[]): Finding {
  const found = told.flatMap(({ path, text }) => text.split('\n').flatMap((line, i) =>
    looksSecret(line) ? [`${path}:${i + 1}`] : []));
  if (found.length === 0) return ok('secrets', 'nothing looks like one in what the service is told');
  return warning('secrets', `what looks like one is at ${found.join(', ')}, and the service is told these files: move`
    + ' it to a file of the site\'s that worker_init reads as the user');
}

function looksSecret(line: string): boolean {
  const value = NAMED.exec(line)?.[1];
  return (value !== undefined && !NO_VALUE.test(value)) || FORMS.some((form) => form.test(line));
}
