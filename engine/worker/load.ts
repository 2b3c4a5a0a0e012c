// A function's definition → something to call. Each is loaded once per thread.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { ComputeError, unreachable } from '../../src/common/errors.ts';
import {
  WORKER_FUNCTIONS_MAX, type Assignment, type FunctionDefinition, type FunctionId,
} from '../../src/common/protocol.ts';
import { runCommand } from './command.ts';
import type { Callable } from './context.ts';
import type { PythonFunction } from './python.ts';

/** Something to call, or what is called elsewhere. */
export type Loaded = Callable | PythonFunction;

const loaded = new Map<FunctionId, Loaded>();

/** Undefined for a function that comes with its definition: it may be new. */
export function knownFunction({ fn, definition }: Assignment): Loaded | undefined {
  return definition === undefined ? loaded.get(fn) : undefined;
}

export async function loadFunction(id: FunctionId, definition: Uint8Array): Promise<Loaded> {
  loaded.delete(id); // what was defined last is forgotten last, as the manager believes
  const text = new TextDecoder().decode(definition.slice()); // a copy: the original is memory shared between threads
  const callable = await build(id, JSON.parse(text) as FunctionDefinition); // written by our manager
  if (loaded.size >= WORKER_FUNCTIONS_MAX) for (const oldest of loaded.keys()) {
    loaded.delete(oldest);
    break;
  }
  loaded.set(id, callable);
  return callable;
}

async function build(id: FunctionId, definition: FunctionDefinition): Promise<Loaded> {
  switch (definition.form) {
    case 'source': return fromSource(definition.name, definition.source);
    case 'module': return fromModule(definition.module, definition.exportName);
    case 'command': return (args, context) => runCommand(definition, args, context);
    case 'python': return { id, definition };
    default: return unreachable(definition);
  }
}

/** Source of a function value: it sees globals, its arguments and `require`; nothing else came with it. */
function fromSource(name: string, source: string): Callable {
  const require = createRequire(pathToFileURL(`${process.cwd()}/`));
  let fn: unknown;
  try {
    // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- running users' code is its purpose
    fn = new Function('require', `return (${source}\n)`)(require);
  } catch (cause) {
    throw new ComputeError('FUNCTION_NOT_FOUND', `the source of ${name} does not compile`, { cause });
  }
  if (typeof fn !== 'function') throw new ComputeError('FUNCTION_NOT_FOUND', `the source of ${name} is not a function`);
  const call = fn as (...args: unknown[]) => unknown; // checked above
  return (args) => {
    try {
      const value = call(...args);
      return value instanceof Promise ? value.catch((error: unknown) => { throw explain(error, name); }) : value;
    } catch (error) {
      throw explain(error, name);
    }
  };
}

/** The usual surprise with functions given by value: a name from around them is not there. */
function explain(error: unknown, name: string): unknown {
  if (error instanceof ReferenceError && !error.message.includes('travels as source')) {
    error.message += ` (${name} travels as source: pass what it needs as arguments, import it inside the function, `
      + 'or give the function as module and export)';
  }
  return error;
}

async function fromModule(module: string, exportName: string): Promise<Callable> {
  const url = module.startsWith('/') ? pathToFileURL(module).href : module;
  let exports: Record<string, unknown>;
  try {
    exports = await import(url) as Record<string, unknown>; // what a module exports is checked next
  } catch (cause) {
    throw new ComputeError('FUNCTION_NOT_FOUND', `could not load module ${module}: ${firstLine(cause)}`, { cause });
  }
  const fn = exports[exportName] ?? (exports['default'] as Record<string, unknown> | undefined)?.[exportName];
  if (typeof fn !== 'function') {
    const names = Object.keys(exports).filter((key) => typeof exports[key] === 'function');
    throw new ComputeError('FUNCTION_NOT_FOUND',
      `module ${module} has no function ${exportName}; it exports `
      + (names.length === 0 ? 'no functions' : names.join(', ')));
  }
  const call = fn as (...args: unknown[]) => unknown; // checked above
  return (args) => call(...args);
}

function firstLine(error: unknown): string {
  const line = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
  return line.replace(/ imported from .*$/, ''); // where we import it is no news to the user
}
