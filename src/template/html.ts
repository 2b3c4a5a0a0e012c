// Text made safe for HTML, as markupsafe does it.

import { paid } from './budget.ts';
import { str } from './text.ts';
import { Markup, type Value } from './values.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&#39;', '"': '&#34;',
};

/** What is marked as safe stays as it is. */
export function escapeHtml(value: Value): string {
  if (value instanceof Markup) return value.text;
  return paid(str(value).replace(/[&<>'"]/g, (char) => ENTITIES[char] ?? char));
}
