// The filters and tests of a rendering: Jinja2's, those that we refuse, and those that the caller adds.

import { APPLIED_FILTERS } from './applied-filters.ts';
import { COLLECTION_FILTERS } from './collection-filters.ts';
import { raise, refuse } from './error.ts';
import type { Filter, Toolbox } from './filter.ts';
import type { Tools } from './frame.ts';
import { TESTS } from './tests.ts';
import { TEXT_FILTERS } from './text-filters.ts';
import { repr } from './text.ts';
import { Undefined, isText, plain, type Value } from './values.ts';

const BUILT_IN: ReadonlyMap<string, Filter> = new Map([...TEXT_FILTERS, ...COLLECTION_FILTERS, ...APPLIED_FILTERS]);

/** What to write instead of those of Jinja2's filters that are not here. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['random', 'the same values must give the same configuration; use |first'],
  ['pprint', 'use |tojson(indent=2)'],
  ['xmlattr', 'a configuration is not HTML'],
  ['urlize', 'a configuration is not HTML'],
  ['striptags', 'a configuration is not HTML; use |replace'],
  ['urlencode', 'write the text as it is to be'],
  ['wordwrap', 'break the lines in the template'],
]);

export function toolboxWith(added: ReadonlyMap<string, Filter>): Toolbox & Tools {
  const filters = new Map([...BUILT_IN, ...added]);
  const hasFilter = (name: Value): boolean => {
    return isText(name) && (filters.has(plain(name)) || REFUSED.has(plain(name)));
  };
  const hasTest = (name: Value): boolean => isText(name) && TESTS.has(plain(name));
  const check = (name: string, line?: number): void => {
    const instead = filters.has(name) ? undefined : REFUSED.get(name);
    if (instead !== undefined) refuse(`the filter ${name}`, instead, line);
  };
  const toolbox: Toolbox = {
    hasFilter: (name) => name instanceof Undefined ? name.fail() : hasFilter(name),
    hasTest: (name) => name instanceof Undefined ? name.fail() : hasTest(name),
    filter: (name, args) => {
      if (isText(name)) check(plain(name));
      const act = isText(name) ? filters.get(plain(name)) : undefined;
      return act === undefined ? unknown('filter', name) : act(args, toolbox);
    },
    test: (name, args) => {
      const act = isText(name) ? TESTS.get(plain(name)) : undefined;
      return act === undefined ? unknown('test', name) : act(args, toolbox);
    },
  };
  return { ...toolbox, filters: { has: hasFilter, check }, tests: { has: hasTest } };
}

function unknown(what: string, name: Value): never {
  if (name instanceof Undefined) return name.fail();
  return raise('TemplateRuntimeError', `No ${what} named ${repr(name)}.`);
}
