// What users send, made harmless for a template. A text becomes its JSON text: quoted, ASCII, and without a line break,
// so that it is one double-quoted scalar wherever a template prints it unquoted. Pure.

import { quote } from '../common/quote.ts';
import { isJsonObject, type Json, type JsonObject } from '../common/json.ts';
import { pythonRepr } from './python-repr.ts';
import { STEPS, startFailure } from './start-failure.ts';

/** What a template finds of ours; none of it may be anybody's option. */
const RESERVED = ['parent_config', 'user_runtime', 'mapped_identity', '_GC'];

/** Means itself in YAML, in a shell and in a scheduler's directive, wherever it is printed. */
const PLAIN_KEY = /^[A-Za-z0-9_][A-Za-z0-9_./+@-]*$/;
/** The same of an account's fields, which templates make paths of. */
const PLAIN_FIELD = /^\/?[A-Za-z0-9_][A-Za-z0-9_./+@-]*$/;

/** Throws for a name that is not the user's to give. */
export function refuseReserved(options: JsonObject): void {
  const word = RESERVED.find((one) => Object.hasOwn(options, one));
  if (word !== undefined) throw valueError(`'${word}' is a reserved word and cannot be passed in via user config`);
}

/** Every text in it, at any depth; null is the text `null`. Throws for a key that could become more than a key. */
export function sanitised(options: JsonObject): JsonObject {
  // The outermost keys are names of variables, which a template cannot print.
  return mapValues(options, (value, name) => sanitisedValue(value, name, textOf));
}

/** Of an account: what is plain stays as it is, as `/scratch/{{ … }}` is what it is there for. */
export function sanitisedIdentity(identity: JsonObject): JsonObject {
  return mapValues(identity, (value, name) =>
    sanitisedValue(value, name, (text) => (PLAIN_FIELD.test(text) ? text : textOf(text))));
}

function sanitisedValue(value: Json, path: string, writeText: (text: string) => string): Json {
  if (value === null) return 'null';
  if (typeof value === 'string') return writeText(value);
  if (isJsonObject(value)) {
    const wrong = Object.keys(value).find((key) => !PLAIN_KEY.test(key));
    if (wrong !== undefined) {
      throw valueError(`${pythonRepr(wrong)} cannot be a key in ${path}: a key has letters, digits and _ . / + @ -, `
        + 'and begins with a letter, a digit or _');
    }
    return mapValues(value, (inner, key) => sanitisedValue(inner, `${path}.${key}`, writeText));
  }
  // All that is left of JSON is a list, a number or a boolean.
  return Array.isArray(value) ? value.map((one, i) => sanitisedValue(one as Json, `${path}[${i}]`, writeText)) : value;
}

/** The JSON text of a text, in ASCII; what two of JSON's escapes would make one character is one of YAML's. */
function textOf(text: string): string {
  return JSON.stringify(text).replace(/[^\x20-\x7e]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\U${code.toString(16).toUpperCase().padStart(8, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** What `textOf` was given. Throws a SyntaxError for what it has not made. */
function readText(written: string): string {
  const json = written.replace(/\\(?:U([0-9A-F]{8})|(.))/g, (escape, code: string | undefined) =>
    (code === undefined ? escape : String.fromCodePoint(Number.parseInt(code, 16))));
  const text: unknown = JSON.parse(json);
  if (typeof text !== 'string') throw new SyntaxError('not a JSON text');
  return text;
}

/** The filter `shell_escape`: the same text as one word of a shell. */
export function shellEscaped(written: string): string {
  let text: string;
  try {
    text = readText(written);
  } catch (cause) {
    throw startFailure(STEPS.render, 'JSONDecodeError', `shell_escape takes what a user has sent, and not ${
      pythonRepr(written)}`, cause);
  }
  return textOf(text === '' ? "''" : quote(text));
}

/** Characters that YAML could take for something else than a part of a text, and the escapes that make line breaks. */
const STRUCTURAL = /[^A-Za-z0-9_./+@ -]|-(?= )|^[ -]/g;

/** Whether a sanitised text could be anything but a text if its quotes were lost. */
export function isStructural(written: string): boolean {
  return innerOf(written).search(STRUCTURAL) >= 0;
}

/** The sanitised values with every such character replaced, except in texts that `known` says to leave alone. */
export function neutralised(value: Json, known: (written: string) => boolean): Json {
  if (typeof value === 'string') {
    if (!value.startsWith('"') || known(value)) return value;
    return `"${innerOf(value).replace(STRUCTURAL, 'x')}"`;
  }
  if (isJsonObject(value)) return mapValues(value, (inner) => neutralised(inner, known));
  return Array.isArray(value) ? value.map((one) => neutralised(one as Json, known)) : value;
}

/** Every sanitised text in a value. */
export function textsIn(value: Json): string[] {
  if (typeof value === 'string') return value.startsWith('"') ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap((inner) => textsIn(inner));
}

function innerOf(written: string): string {
  return written.slice(1, -1);
}

function mapValues(object: JsonObject, map: (value: Json, key: string) => Json): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]));
}

function valueError(message: string): Error {
  return startFailure(STEPS.render, 'ValueError', message);
}
