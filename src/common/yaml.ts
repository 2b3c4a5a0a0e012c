// YAML as the field reads it: plain scalars mean what PyYAML's SafeLoader (YAML 1.1) takes them for, so that a site's
// file means the same here. The one exception: dates stay text, as nothing of ours takes a date.

import { isDeepStrictEqual } from 'node:util';
import {
  LineCounter, isCollection, isMap, isScalar, parseDocument, visit, type ScalarTag, type YAMLMap,
} from 'yaml';
import { ComputeError } from './errors.ts';

/** A configuration of this size is a mistake or an attack. */
const TEXT_CHARS_MAX = 4 * 1024 * 1024;
/** How often aliases, with the aliases in what they stand for, may repeat a part of the file. */
const ALIASES_MAX = 1000;

/** Plain data; an empty text is null. Throws CONFIG_INVALID "file:line:column: what is wrong". */
export function parseYaml(text: string, file: string): unknown {
  if (text.length > TEXT_CHARS_MAX) throw broken(file, `longer than ${TEXT_CHARS_MAX} characters`);
  const lines = new LineCounter();
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  try {
    const document = parseDocument(text, {
      version: '1.1', schema: 'failsafe', merge: true, customTags: scalars, lineCounter: lines, prettyErrors: false,
      logLevel: 'error',
    });
    // A warning is a tag that we do not know, such as !!python/object: not data.
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) throw broken(at(problem.pos[0]), problem.message);
    visit(document, {
      Pair: (_, { key }) => {
        if (isCollection(key)) throw broken(at(key.range?.[0] ?? 0), 'a list or mapping cannot be a key');
      },
      Alias: (_, alias, path) => {
        const source = alias.resolve(document);
        const what = source === undefined ? `there is no anchor &${alias.source} before this`
          : path.includes(source) ? `*${alias.source} is inside what it stands for` : undefined;
        if (what !== undefined) throw broken(at(alias.range?.[0] ?? 0), what);
      },
    });
    return document.toJS({ maxAliasCount: ALIASES_MAX }) ?? null;
  } catch (cause) {
    if (cause instanceof ComputeError) throw cause;
    // What is left for the package to refuse: aliases of aliases that multiply, and nesting deeper than the stack.
    throw broken(file, 'its aliases multiply too much, or it is nested too deeply', cause);
  }
}

function broken(where: string, what: string, cause?: unknown): ComputeError {
  const line = what.split('\n', 1)[0] ?? what;
  return new ComputeError('CONFIG_INVALID', `${where}: ${line}`, { cause });
}

/**
 * A file's text with some keys of its mapping left out, and some set: in their places, or at the end. Everything else
 * stays as its author wrote it, comments too. Throws CONFIG_INVALID where that cannot be done.
 */
export function editYaml(
  text: string, file: string, remove: readonly string[], set: Readonly<Record<string, string | boolean>>,
): string {
  const before = parseYaml(text, file) ?? {};
  const wanted: Record<string, unknown> = { ...before, ...set };
  for (const key of remove) delete wanted[key];
  const block = inBlockStyle(text);
  const entries = entriesOf(block);
  // From the end: what comes before keeps its place.
  const edited = [...entries].reverse().reduce((done, { key, from, to, next }) => {
    if (remove.includes(key)) return done.slice(0, from) + done.slice(next);
    const value = set[key];
    if (value === undefined) return done;
    const lineEnd = done.slice(from, to).endsWith('\n') ? '\n' : '';
    return `${done.slice(0, from)}${key}: ${word(value)}${lineEnd}${done.slice(to)}`;
  }, block);
  const added = Object.entries(set).filter(([key]) => entries.every((entry) => entry.key !== key))
    .map(([key, value]) => `${key}: ${word(value)}\n`).join('');
  const result = `${edited}${added === '' || edited === '' || edited.endsWith('\n') ? '' : '\n'}${added}`;
  // A second document, a directive, or an anchor that something else needs.
  if (isDeepStrictEqual(readable(result, file), wanted)) return result;
  throw broken(file, `cannot set ${Object.keys(set).join(', ')} in it as it is written: write them there by hand`);
}

interface TextEntry {
  readonly key: string;
  readonly from: number;
  readonly to: number;
  /** Where what follows begins: with the comments before it. */
  readonly next: number;
}

function entriesOf(text: string): TextEntry[] {
  const contents = topMapping(text);
  return (contents?.items ?? []).flatMap(({ key, value }) => {
    if (!isScalar(key) || value === null) return [];
    return [{ key: String(key.value), from: key.range[0], to: value.range[1], next: value.range[2] }];
  });
}

function inBlockStyle(text: string): string {
  const document = parseDocument(text, { version: '1.1', schema: 'failsafe' });
  if (!isMap(document.contents) || document.contents.flow !== true) return text;
  document.contents.flow = false;
  return document.toString({ lineWidth: 0 });
}

function topMapping(text: string): YAMLMap.Parsed | undefined {
  const { contents } = parseDocument(text, { version: '1.1', schema: 'failsafe' });
  return isMap(contents) ? contents : undefined;
}

function readable(text: string, file: string): unknown {
  try {
    return parseYaml(text, file);
  } catch {
    return undefined;
  }
}

/** As a person would write it, where that says the same. */
function word(value: string | boolean): string {
  if (typeof value === 'boolean') return String(value);
  return /^[\w/][\w/.@+-]*$/.test(value) && readable(value, '') === value ? value : JSON.stringify(value);
}

/** "1:30:00" → 5400: places of base 60, the last of which may have a fraction. */
function base60(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  return sign * text.replace(/^[-+]/, '').split(':').reduce((sum, place) => sum * 60 + Number(place), 0);
}

function integer(text: string): number {
  const digits = text.replaceAll('_', '');
  if (digits.includes(':')) return base60(digits);
  const sign = digits.startsWith('-') ? -1 : 1;
  const bare = digits.replace(/^[-+]/, '');
  const octal = /^0[0-7]+$/.test(bare);
  return sign * Number(octal ? `0o${bare.slice(1)}` : bare);
}

function float(text: string): number {
  const digits = text.replaceAll('_', '').toLowerCase();
  if (digits.endsWith('.nan')) return Number.NaN;
  if (digits.endsWith('.inf')) return digits.startsWith('-') ? -Infinity : Infinity;
  return digits.includes(':') ? base60(digits) : Number(digits);
}

// The expressions are those of the YAML 1.1 type repository, with PyYAML's narrower reading: an exponent needs a dot
// before it and a sign in it, and base 60 does not start with 0.
const scalars: ScalarTag[] = [
  { tag: 'tag:yaml.org,2002:null', default: true, test: /^(?:~|null|Null|NULL|)$/, resolve: () => null },
  {
    tag: 'tag:yaml.org,2002:bool', default: true,
    test: /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
    resolve: (text) => /^(?:yes|true|on)$/i.test(text),
  },
  {
    tag: 'tag:yaml.org,2002:int', default: true,
    test: /^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+)$/,
    resolve: (text) => integer(text),
  },
  {
    tag: 'tag:yaml.org,2002:float', default: true,
    test: new RegExp('^(?:[-+]?[0-9][0-9_]*\\.[0-9_]*(?:[eE][-+][0-9]+)?|\\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?'
      + '|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\\.[0-9_]*|[-+]?\\.(?:inf|Inf|INF)|\\.(?:nan|NaN|NAN))$'),
    resolve: (text) => float(text),
  },
];
