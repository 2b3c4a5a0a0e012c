// JSON whose numbers stay what they are. A whole number past 2^53 is read as a bigint and written as it was: nanosecond
// times are of that size, and JSON.parse would round them.

/** What JSON can say; whole numbers that a double cannot hold are bigints. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject;
export interface JsonObject { readonly [key: string]: Json }

/** Deeper than this is no data of anybody's: it is meant to exhaust the stack. */
const DEPTH_MAX = 200;

// The next token that is not a string; white space before it is skipped.
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BLANK = /[ \t\n\r]*/y;
/** Only then can there be a number that JSON.parse would round. Digits in a text are a false alarm, and harmless. */
const MANY_DIGITS = 16;
/** What is shorter exhausts nothing while it is parsed, which takes no stack: its depth can be seen afterwards. */
const SHORT_CHARS = 4 * 1024 * 1024;

/** Others refuse longer ones, and turning them into a number takes time that grows with their square. */
const DIGITS_MAX = 1_000;

/** Throws a SyntaxError for what is not JSON, a RangeError for what is nested too deep or a number too long. */
export function parseJson(text: string): Json {
  // JSON.parse makes nothing but JSON.
  const isShort = text.length <= SHORT_CHARS;
  if (!hasManyDigits(text) && (isShort || !isDeep(text))) {
    const value = JSON.parse(text) as Json;
    if (!isShort || isShallow(value, DEPTH_MAX)) return value;
  }
  const reader = new Reader(text);
  return reader.document();
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
  if (typeof value !== 'object' || value === null) return true;
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
    return formatLarge(value); // there is a bigint in it
  }
}

function formatLarge(value: Json): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(formatLarge).join(',')}]`;
  const members = Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}:${formatLarge(inner)}`);
  return `{${members.join(',')}}`;
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !isList(value);
}

function isList(value: readonly Json[] | JsonObject): value is readonly Json[] {
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

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
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
    switch (this.#text[this.#at]) {
      case '{': return this.#object(depth);
      case '[': return this.#list(depth);
      case '"': return this.#string();
      case 't': return this.#word('true', true);
      case 'f': return this.#word('false', false);
      case 'n': return this.#word('null', null);
      case undefined:
      default: return this.#number();
    }
  }

  #object(depth: number): Json {
    const members: Record<string, Json> = {};
    this.#at++;
    this.#blank();
    if (this.#skip('}')) return members;
    do {
      this.#blank();
      if (this.#text[this.#at] !== '"') this.#fail();
      const key = this.#string();
      this.#blank();
      if (!this.#skip(':')) this.#fail();
      const value = this.#value(depth + 1);
      // Assigned, this one key would be the object's prototype.
      if (key === '__proto__') {
        Object.defineProperty(members, key, { value, enumerable: true, configurable: true, writable: true });
      } else members[key] = value;
      this.#blank();
    } while (this.#skip(','));
    if (!this.#skip('}')) this.#fail();
    return members;
  }

  #list(depth: number): Json {
    const items: Json[] = [];
    this.#at++;
    this.#blank();
    if (this.#skip(']')) return items;
    do {
      items.push(this.#value(depth + 1));
      this.#blank();
    } while (this.#skip(','));
    if (!this.#skip(']')) this.#fail();
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
      while (this.#text[end - 1 - escapes] === '\\') escapes++;
    } while (escapes % 2 === 1);
    this.#at = end + 1;
    // A text between two quotes parses to a text, or not at all.
    return JSON.parse(this.#text.slice(start, end + 1)) as string;
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at;
    const digits = NUMBER.exec(this.#text)?.[0];
    if (digits === undefined) return this.#fail();
    if (digits.length > DIGITS_MAX) throw new RangeError(`JSON has a number of more than ${DIGITS_MAX} digits`);
    this.#at += digits.length;
    const value = Number(digits);
    return Number.isSafeInteger(value) || !/^-?\d+$/.test(digits) ? value : BigInt(digits);
  }

  #word<T extends Json>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail();
    this.#at += word.length;
    return value;
  }

  #blank(): void {
    BLANK.lastIndex = this.#at;
    BLANK.test(this.#text);
    this.#at = BLANK.lastIndex;
  }

  #skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #fail(): never {
    throw new SyntaxError(`not JSON at character ${this.#at}`);
  }
}
