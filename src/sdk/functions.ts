// What can be handed to an executor as a function, and how it travels.

import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isUuid } from '../amqp/shape.ts';
import { ComputeError } from '../common/errors.ts';
import type { ScriptDefinition } from '../common/javascript.ts';
import type { CommandResult } from '../common/protocol.ts';

/** A function by name: made by `moduleFunction` or `command`. The types are those of a call to it. */
export interface FunctionReference<A extends unknown[] = never[], R = unknown> {
  readonly definition: ScriptDefinition;
  /** Never set: carries the types. */
  readonly signature?: (...args: A) => R;
}

/** A function that the service has, in whatever language: made by `registeredFunction`. For tasks of an endpoint. */
export interface RegisteredFunction<A extends unknown[] = never[], R = unknown> {
  readonly functionId: string;
  /** Never set: carries the types. */
  readonly signature?: (...args: A) => R;
}

/** A function value, whose source travels, or a reference to one. */
export type TaskFunction<A extends unknown[] = never[], R = unknown> =
  ((...args: A) => R) | FunctionReference<A, R> | RegisteredFunction<A, R>;

export interface CommandOptions {
  /** Where it runs. Default: this process's working directory; at an endpoint, the one of its tasks. */
  readonly cwd?: string;
  /** Of stdout and of stderr each this much is kept, beginning and end. Default: 1 MiB. */
  readonly outputBytesMax?: number;
}

const OUTPUT_BYTES_MAX = 1024 * 1024;

/**
 * An export of a module: a file (path or URL; compute nodes must see it under the same path), or a package that is
 * installed where the workers run. The module is loaded once per worker.
 */
export function moduleFunction<A extends unknown[] = never[], R = unknown>(
  module: string | URL, exportName: string,
): FunctionReference<A, R> {
  const text = module instanceof URL ? module.href : module;
  const isFile = text.startsWith('file:') || text.startsWith('.') || isAbsolute(text);
  const path = text.startsWith('file:') ? fileURLToPath(text) : resolve(text);
  return {
    definition: { form: 'module', name: exportName, module: isFile ? pathToFileURL(path).href : text, exportName },
  };
}

/**
 * A shell command. Each `{}` is replaced by the next argument, quoted for the shell; without any, arguments are
 * appended. The task's result is a CommandResult: a non-zero exit is a result, not a failure.
 */
export function command(template: string, options: CommandOptions = {}): FunctionReference<unknown[], CommandResult> {
  return {
    definition: {
      form: 'command',
      name: template.trim().split(/\s+/, 1)[0] ?? template,
      command: template,
      cwd: options.cwd === undefined ? '' : resolve(options.cwd),
      outputBytesMax: options.outputBytesMax ?? OUTPUT_BYTES_MAX,
    },
  };
}

/**
 * A function that was registered with the service, by its id: of this SDK, or of Python's. A Python function gets its
 * arguments as JSON, and has to return what JSON can say.
 */
export function registeredFunction<A extends unknown[] = never[], R = unknown>(id: string): RegisteredFunction<A, R> {
  if (isUuid(id)) return { functionId: id.toLowerCase() };
  throw new ComputeError('CONFIG_INVALID', `${JSON.stringify(id)} is no function's id: ids are UUIDs`);
}

/** For an engine of one's own, which runs where the caller is. */
export function definitionOf(fn: TaskFunction): ScriptDefinition {
  const definition = portableDefinition(fn);
  return definition.form === 'command' && definition.cwd === '' ? { ...definition, cwd: resolve('.') } : definition;
}

/** For anywhere: a command without a directory has '' for one. Throws NOT_SERIALIZABLE. */
export function portableDefinition(fn: TaskFunction): ScriptDefinition {
  if (typeof fn !== 'function') {
    if ('definition' in fn) return fn.definition;
    throw new ComputeError('CONFIG_INVALID',
      `function ${fn.functionId} is registered with the service: only an executor with an endpointId can call it`);
  }
  const text = Function.prototype.toString.call(fn);
  const name = fn.name === '' ? 'anonymous' : fn.name;
  if (/\{\s*\[native code\]\s*\}$/.test(text)) {
    throw new ComputeError('NOT_SERIALIZABLE',
      `${name} is a built-in or bound function, whose source cannot travel: wrap it, as in (x) => ${name}(x)`);
  }
  if (/^class\b/.test(text)) {
    throw new ComputeError('NOT_SERIALIZABLE', `${name} is a class: give a function that makes one`);
  }
  return { form: 'source', name, source: asExpression(text) };
}

/** A method's or accessor's source is no expression by itself: put into an object it is. */
function asExpression(text: string): string {
  return isExpression(text) ? text : `Object.values({ ${text} })[0]`;
}

function isExpression(text: string): boolean {
  try {
    // oxlint-disable-next-line no-new, no-new-func, typescript/no-implied-eval -- parsed, never called
    new Function(`return (${text}\n)`);
    return true;
  } catch {
    return false;
  }
}
