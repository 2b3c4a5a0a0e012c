// a.b and a['b'], with the sandbox's rules: what begins with an underscore is unsafe, and what Python's objects have
// and we do not is refused instead of being undefined.

import { DICT_METHODS, LIST_METHODS, RANGE_METHODS, TUPLE_METHODS } from './collection-methods.ts';
import { raise, refuse } from './error.ts';
import { charsOf } from './characters.ts';
import { formatBraces } from './str-format.ts';
import { STR_METHODS, type Method } from './str-methods.ts';
import { quoted, repr } from './text.ts';
import { Callable, Dict, Iter, List, Markup, Range, Thing, Tuple, Undefined, isText, plain, typeName, type Value }
  from './values.ts';

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** What every object of Python has. */
const OBJECT_NAMES = words('__class__ __delattr__ __dir__ __doc__ __eq__ __format__ __ge__ __getattribute__ '
  + '__getstate__ __gt__ __hash__ __init__ __init_subclass__ __le__ __lt__ __ne__ __new__ __reduce__ __reduce_ex__ '
  + '__repr__ __setattr__ __sizeof__ __str__ __subclasshook__');
const INT_NAMES = words('as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag numerator real '
  + 'to_bytes is_integer');
/** What they have and we do not. */
const OTHER_NAMES: Readonly<Record<string, ReadonlySet<string>>> = {
  str: words('casefold encode expandtabs format_map maketrans translate'),
  int: INT_NAMES,
  bool: INT_NAMES,
  float: words('as_integer_ratio conjugate fromhex hex imag is_integer real from_number'),
  dict: words('fromkeys'),
  generator: words('close gi_code gi_frame gi_running gi_suspended gi_yieldfrom send throw'),
  dict_keys: words('isdisjoint mapping'),
  dict_values: words('mapping'),
  dict_items: words('isdisjoint mapping'),
};
const MODULES: Readonly<Record<string, string>> = { Markup: 'markupsafe', _GroupTuple: 'jinja2.filters' };

export function getAttribute(value: Value, name: string): Value {
  const there = attributeOf(value, name);
  if (there !== undefined) return there;
  const item = itemOf(value, name);
  return item === undefined ? undefinedIn(value, name) : item;
}

export function getItem(value: Value, key: Value): Value {
  const item = itemOf(value, key);
  if (item !== undefined) return item;
  if (isText(key)) {
    const there = attributeOf(value, plain(key));
    if (there !== undefined) return there;
  }
  return undefinedIn(value, key);
}

/** Also for the filter `attr`, which looks for nothing else. */
export function attributeOf(value: Value, name: string): Value | undefined {
  if (name.startsWith('_')) return privateAttribute(value, name);
  if (value instanceof Undefined) return value.fail();
  if (value instanceof Thing) return value.attribute(name);
  if (value instanceof Callable) {
    return value.attributes.get(name) ?? (value.name === 'dict' && OTHER_NAMES['dict']?.has(name)
      ? refuse(`"${name}" of a function`, 'leave it out') : undefined);
  }
  if (value instanceof Markup) {
    return STR_METHODS.has(name) || OTHER_NAMES['str']?.has(name) || ['format', 'striptags', 'unescape'].includes(name)
      ? refuse(`the method "${name}" of text that is marked as safe`, "write (text ~ '') first") : undefined;
  }
  if (value instanceof Range && (name === 'start' || name === 'stop' || name === 'step')) return value[name];
  const type = typeName(value);
  if (value instanceof Tuple && value.fields.includes(name)) return value.items[value.fields.indexOf(name)];
  if (OTHER_NAMES[type]?.has(name)) {
    return refuse(`"${name}" of ${type}`, 'use a filter or another method');
  }
  const act = methodOf(value, name);
  return act && new Callable(name, 'builtin_function_or_method', act);
}

function methodOf(value: Value, name: string): Callable['call'] | undefined {
  if (typeof value === 'string') {
    if (name === 'format') return (args) => formatBraces(value, args, { getAttribute, getItem });
    return bound(STR_METHODS, value, name);
  }
  if (value instanceof List) return bound(LIST_METHODS, value, name);
  if (value instanceof Dict) return bound(DICT_METHODS, value, name);
  if (value instanceof Tuple) return bound(TUPLE_METHODS, value, name);
  return value instanceof Range ? bound(RANGE_METHODS, value, name) : undefined;
}

function bound<Self>(methods: ReadonlyMap<string, Method<Self>>, self: Self, name: string):
Callable['call'] | undefined {
  const method = methods.get(name);
  return method && ((args) => method(self, args));
}

/** Unsafe where Python has it. Names with two underscores are the objects' own; others no plain value has. */
function privateAttribute(value: Value, name: string): Value | undefined {
  if (value instanceof Thing && (value.type === 'Namespace' || value.type === 'TemplateModule')
    && !OBJECT_NAMES.has(name) && !name.startsWith('__')) {
    return value.attribute(name) === undefined && name !== '_body_stream' ? undefined : unsafe(value, name);
  }
  const isPlain = !(value instanceof Thing || value instanceof Callable || value instanceof Undefined
    || value instanceof Iter || value instanceof Markup || (value instanceof Tuple && value.fields.length > 0));
  const isThere = OBJECT_NAMES.has(name) || (name.startsWith('__') && name.endsWith('__') && ownNames(value).has(name));
  if (isThere) return unsafe(value, name);
  if (value instanceof Undefined) return name.startsWith('_undefined_') ? unsafe(value, name) : value.fail();
  return isPlain ? undefined : refuse(`the name "${name}" of ${typeName(value)}`, 'use names without an underscore');
}

function unsafe(value: Value, name: string): Undefined {
  return new Undefined(`access to attribute ${quoted(name)} of '${typeName(value)}' object is unsafe.`,
    'SecurityError');
}

const ARITHMETIC = '__abs__ __add__ __bool__ __ceil__ __divmod__ __float__ __floor__ __floordiv__ __getnewargs__ '
  + '__int__ __mod__ __mul__ __neg__ __pos__ __pow__ __radd__ __rdivmod__ __rfloordiv__ __rmod__ __rmul__ __round__ '
  + '__rpow__ __rsub__ __rtruediv__ __sub__ __truediv__ __trunc__';
const INT_OWN = words(`${ARITHMETIC} __and__ __index__ __invert__ __lshift__ __or__ __rand__ __rlshift__ __ror__ `
  + '__rrshift__ __rshift__ __rxor__ __xor__');
const SEQUENCE = '__add__ __contains__ __getitem__ __iter__ __len__ __mul__ __rmul__';
const OWN_NAMES: Readonly<Record<string, ReadonlySet<string>>> = {
  str: words(`${SEQUENCE} __getnewargs__ __mod__ __rmod__`),
  int: INT_OWN,
  bool: INT_OWN,
  float: words(`${ARITHMETIC} __getformat__`),
  list: words(`${SEQUENCE} __class_getitem__ __delitem__ __iadd__ __imul__ __reversed__ __setitem__`),
  tuple: words(`${SEQUENCE} __class_getitem__ __getnewargs__`),
  dict: words('__class_getitem__ __contains__ __delitem__ __getitem__ __ior__ __iter__ __len__ __or__ __reversed__ '
    + '__ror__ __setitem__'),
  NoneType: words('__bool__'),
};

function ownNames(value: Value): ReadonlySet<string> {
  return OWN_NAMES[typeName(value)] ?? new Set();
}

/** value[key], or nothing where Python raises a TypeError or a LookupError. */
function itemOf(value: Value, key: Value): Value | undefined {
  if (value instanceof Undefined) return value.fail();
  if (value instanceof Dict) {
    if (key instanceof List || key instanceof Dict) return undefined;
    return value.get(key);
  }
  if (value instanceof Thing) return value.item?.(key);
  if (typeof key !== 'bigint' && typeof key !== 'boolean') return undefined;
  const index = Number(key);
  if (isText(value)) {
    const char = charsOf(plain(value)).at(index);
    return char === undefined || !(value instanceof Markup) ? char : new Markup(char);
  }
  if (value instanceof List || value instanceof Tuple) return value.items.at(index);
  if (!(value instanceof Range)) return undefined;
  const place = index < 0 ? index + value.length : index;
  return place >= 0 && place < value.length ? value.at(place) : undefined;
}

export function undefinedIn(value: Value, name: Value): Undefined {
  const type = typeName(value);
  const module = value instanceof Thing || value instanceof Callable ? moduleOf(value) : MODULES[type];
  const what = value === null ? 'None' : `${module === undefined ? '' : `${module}.`}${type} object`;
  return new Undefined(isText(name) ? `${quoted(what)} has no attribute ${repr(name)}`
    : `${what} has no element ${repr(name)}`);
}

function moduleOf(value: Thing | Callable): string | undefined {
  if (value instanceof Callable) return value.type === 'Macro' ? 'jinja2.runtime' : undefined;
  if (value.type === 'TemplateModule') return 'jinja2.environment';
  return ['Namespace', 'Cycler', 'Joiner'].includes(value.type) ? 'jinja2.utils' : 'jinja2.runtime';
}

export function call(value: Value, args: Parameters<Callable['call']>[0]): Value {
  if (value instanceof Undefined) return value.fail();
  if (value instanceof Callable) return value.call(args);
  if (value instanceof Thing && value.call !== undefined) return value.call(args);
  return raise('TypeError', `'${typeName(value)}' object is not callable`);
}
