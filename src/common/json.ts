// JSON whose numbers stay what they are. A whole number past 2^53 is read as a bigint and written as it was: nanosecond
// times are of that size, and JSON.parse would round them. Where it is asked for, 1.0 is read as a float and written as
// one: languages that tell 1.0 from 1 print the two differently.

/** What JSON can say. Whole numbers that a double cannot hold are bigints; floats that are whole numbers, Floats. */
export type Json = null | boolean | number | bigint | string | Float | readonly Json[] | JsonObject;
export interface JsonObject { readonly [key: string]: Json }

/** A number that is a float although it may be a whole one. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  /** No number of JavaScript's says it, so JSON.stringify has to fail, as it does for any bigint: see `formatJson`. */
  toJSON(): bigint {
    return 0n;
  }

  /** JSON that is read as a float everywhere; what is too large for one is too large for its readers, too. */
  toString(): string {
    if (!Number.isFinite(this.value)) return this.value < 0 ? '-1e999' : '1e999';
    const text = Object.is(this.value, -0) ? '-0' : String(this.value);
    return /[.e]/.test(text) ? text : `${text}.0`;
  }
}

/** Where floats stay floats: everywhere, or in these members of the outermost object. */
export type FloatPlaces = 'everywhere' | readonly string[];

/** Deeper than this is no data of anybody's: it is meant to exhaust the stack. */
const DEPTH_MAX = 200;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** A text without these is what it says. */
const ESCAPED = /[\\\u0000-\u001f]/; // oxlint-disable-line no-control-regex
/** V8 makes of a longer slice a view, which keeps the whole document in memory. */
const COPIED_CHARS_MAX = 12;
/** Only then can there be a number that JSON.parse would round. Digits in a text are a false alarm, and harmless. */
const MANY_DIGITS = 16;
/** What is shorter exhausts nothing while it is parsed, which takes no stack: its depth can be seen afterwards. */
const SHORT_CHARS = 4 * 1024 * 1024;

/** Others refuse longer ones, and turning them into a number takes time that grows with their square. */
const DIGITS_MAX = 1_000;

/** Such a number is a float and may be a whole one. In a text it is a false alarm, and harmless. */
const MAYBE_WHOLE_FLOAT = /\d(?:\.0|[eE][-+]?\d)/;

const [QUOTE, COMMA, COLON, BACKSLASH] = [0x22, 0x2c, 0x3a, 0x5c];
const [CLOSING_BRACKET, CLOSING_BRACE] = [0x5d, 0x7d];

/** Throws a SyntaxError for what is not JSON, a RangeError for what is nested too deep or a number too long. */
export function parseJson(text: string, floats: FloatPlaces = []): Json {
  const value = parseNumbers(text);
  const places = floats === 'everywhere' ? [value]
    : isJsonObject(value) ? floats.map((key) => (Object.hasOwn(value, key) ? value[key] : undefined)) : [];
  if (!places.some(hasWholeNumber) || !MAYBE_WHOLE_FLOAT.test(text)) return value;
  return new Reader(text, floats).document();
}

/** Or one that is too large for a double, which is a float as well. */
function hasWholeNumber(value: Json | undefined): boolean {
  if (typeof value === 'number') return isWhole(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(hasWholeNumber);
}

function isWhole(value: number): boolean {
  return Number.isInteger(value) || !Number.isFinite(value);
}

function parseNumbers(text: string): Json {
  // JSON.parse makes nothing but JSON.
  const isShort = text.length <= SHORT_CHARS;
  if (!hasManyDigits(text) && (isShort || !isDeep(text))) {
    const value = JSON.parse(text) as Json;
    if (!isShort || isShallow(value, DEPTH_MAX)) return value;
  }
  return new Reader(text, []).document();
}

/** A run of so many digits has one at a place that is a multiple of that: the others need not be looked at. */
function hasManyDigits(text: string): boolean {
  for (let i = MANY_DIGITS - 1; i < text.length; i += MANY_DIGITS) {
    if (!isDigit(text, i)) continue;
    let first = i;
    while (first > 0 && isDigit(text, first - 1)) first--;
    let last = i;
    while (last - first < MANY_DIGITS && isDigit(text, last + 1)) last++;
    if (last - first >= MANY_DIGITS - 1) return true;
  }
  return false;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

function isShallow(value: Json, depth: number): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Float) return true;
  if (depth === 0) return false;
  if (isList(value)) {
    for (let i = 0; i < value.length; i++) if (!isShallow(value[i] ?? null, depth - 1)) return false;
    return true;
  }
  for (const key in value) if (!isShallow(value[key] ?? null, depth - 1)) return false;
  return true;
}

/** Compact, keys in their order, as `JSON.stringify` writes it. Numbers that are not finite become null. */
export function formatJson(value: Json): string {
  try {
    return JSON.stringify(value);
  } catch {
    return formatLarge(value); // there is a bigint or a Float in it
  }
}

function formatLarge(value: Json): string {
  if (typeof value === 'bigint' || value instanceof Float) return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(formatLarge).join(',')}]`;
  // An object of no JsonObject's may have members that are undefined, which JSON.stringify leaves out.
  const there = Object.entries(value).filter(([, inner]) => inner !== undefined);
  const members = there.map(([key, inner]) => `${JSON.stringify(key)}:${formatLarge(inner)}`);
  return `{${members.join(',')}}`;
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !isList(value) && !(value instanceof Float);
}

function isList(value: readonly Json[] | JsonObject | Float): value is readonly Json[] {
  return Array.isArray(value);
}

/** An upper bound on the depth: brackets within texts count as well, which costs time and nothing else. */
function isDeep(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code === 0x5b || code === 0x7b) && ++depth > DEPTH_MAX) return true;
    if ((code === 0x5d || code === 0x7d) && depth > 0) depth--;
  }
  return false;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

class Reader {
  readonly #text: string;
  readonly #floats: FloatPlaces;
  #keepsFloats: boolean;
  #at = 0;

  constructor(text: string, floats: FloatPlaces) {
    this.#text = text;
    this.#floats = floats;
    this.#keepsFloats = floats === 'everywhere';
  }

  document(): Json {
    const value = this.#value(0);
    this.#blank();
    if (this.#at < this.#text.length) this.#fail();
    return value;
  }

  #value(depth: number): Json {
    if (depth > DEPTH_MAX) throw new RangeError(`JSON is nested deeper than ${DEPTH_MAX} levels`);
    this.#blank();
    switch (this.#text.charCodeAt(this.#at)) {
      case QUOTE: return this.#string();
      case 0x7b: return this.#object(depth);
      case 0x5b: return this.#list(depth);
      case 0x74: return this.#word('true', true);
      case 0x66: return this.#word('false', false);
      case 0x6e: return this.#word('null', null);
      default: return this.#number();
    }
  }

  #object(depth: number): Json {
    const members: Record<string, Json> = {};
    this.#at++;
    this.#blank();
    if (this.#skip(CLOSING_BRACE)) return members;
    do {
      this.#blank();
      if (this.#text.charCodeAt(this.#at) !== QUOTE) this.#fail();
      const key = this.#string();
      this.#blank();
      if (!this.#skip(COLON)) this.#fail();
      if (depth === 0 && this.#floats !== 'everywhere') this.#keepsFloats = this.#floats.includes(key);
      const value = this.#value(depth + 1);
      // Assigned, this one key would be the object's prototype.
      if (key === '__proto__') {
        Object.defineProperty(members, key, { value, enumerable: true, configurable: true, writable: true });
      } else members[key] = value;
      this.#blank();
    } while (this.#skip(COMMA));
    if (!this.#skip(CLOSING_BRACE)) this.#fail();
    return members;
  }

  #list(depth: number): Json {
    const items: Json[] = [];
    this.#at++;
    this.#blank();
    if (this.#skip(CLOSING_BRACKET)) return items;
    do {
      items.push(this.#value(depth + 1));
      this.#blank();
    } while (this.#skip(COMMA));
    if (!this.#skip(CLOSING_BRACKET)) this.#fail();
    return items;
  }

  #string(): string {
    const start = this.#at;
    let end = start;
    let escapes: number;
    do {
      end = this.#text.indexOf('"', end + 1);
      if (end < 0) this.#fail();
      escapes = 0;
      while (this.#text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    } while (escapes % 2 === 1);
    this.#at = end + 1;
    if (end - start <= COPIED_CHARS_MAX) {
      const text = this.#text.slice(start + 1, end);
      if (!ESCAPED.test(text)) return text;
    }
    // A text between two quotes parses to a text, or not at all.
    return JSON.parse(this.#text.slice(start, end + 1)) as string;
  }

  #number(): number | bigint | Float {
    NUMBER.lastIndex = this.#at;
    const digits = NUMBER.exec(this.#text)?.[0];
    if (digits === undefined) return this.#fail();
    if (digits.length > DIGITS_MAX) throw new RangeError(`JSON has a number of more than ${DIGITS_MAX} digits`);
    this.#at += digits.length;
    const value = Number(digits);
    if (!/^-?\d+$/.test(digits)) return this.#keepsFloats && isWhole(value) ? new Float(value) : value;
    return Number.isSafeInteger(value) ? value : BigInt(digits);
  }

  #word<T extends Json>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail();
    this.#at += word.length;
    return value;
  }

  #blank(): void {
    while (isBlank(this.#text.charCodeAt(this.#at))) this.#at++;
  }

  #skip(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at++;
    return true;
  }

  #fail(): never {
    throw new SyntaxError(`not JSON at character ${this.#at}`);
  }
}
