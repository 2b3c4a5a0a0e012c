// JavaScript functions, their arguments, results and failures as items of the field's wire. Tags of our own tell them
// from Python's. Everything here is ASCII, so that a length is the same however it is counted.
//
//   js  {"name":…,"source":…}, or with module and export, or with command, cwd and output_bytes_max
//   jd  a value: its bytes in base64, and on further lines the binaries that travel beside it
//   jf  a failure, as jd

import type { Encoded } from './payload.ts';
import type { FunctionDefinition, PythonDefinition } from './protocol.ts';
import { readItem, writeItem } from './packed.ts';

export const FUNCTION_TAG = 'js';
export const VALUE_TAG = 'jd';
export const FAILURE_TAG = 'jf';

/** What JavaScript workers run. */
export type ScriptDefinition = Exclude<FunctionDefinition, PythonDefinition>;

export function writeFunction(definition: ScriptDefinition): string {
  return writeItem(FUNCTION_TAG, asciiJson(documentOf(definition)));
}

/** undefined for what is no function of ours. A command without a directory has '' for one. */
export function readFunction(item: string): ScriptDefinition | undefined {
  const read = readItem(item);
  if (read?.tag !== FUNCTION_TAG) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(read.body);
  } catch {
    return undefined;
  }
  return definitionIn(new Map(Object.entries(document ?? {})));
}

export function writeValue(encoded: Encoded): string {
  return writeItem(VALUE_TAG, base64(encoded));
}

export function writeFailure(encoded: Encoded): string {
  return writeItem(FAILURE_TAG, base64(encoded));
}

/** The body of a `jd` or `jf` item. What is not base64 in it is passed over: what comes of it does not decode. */
export function readBytes(body: string): Encoded {
  if (!body.includes('\n')) return { bytes: Buffer.from(body, 'base64'), buffers: [] };
  const [bytes = '', ...buffers] = body.split('\n');
  return { bytes: Buffer.from(bytes, 'base64'), buffers: buffers.map((one) => Buffer.from(one, 'base64')) };
}

function base64({ bytes, buffers }: Encoded): string {
  const first = text(bytes);
  return buffers.length === 0 ? first : [first, ...buffers.map(text)].join('\n');
}

function text({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

function documentOf(definition: ScriptDefinition): object {
  switch (definition.form) {
    case 'source': return { name: definition.name, source: definition.source };
    case 'module': return { name: definition.name, module: definition.module, export: definition.exportName };
    case 'command': return {
      name: definition.name, command: definition.command, output_bytes_max: definition.outputBytesMax,
      ...definition.cwd === '' ? {} : { cwd: definition.cwd },
    };
  }
}

function definitionIn(fields: ReadonlyMap<string, unknown>): ScriptDefinition | undefined {
  const word = (key: string): string | undefined => {
    const value = fields.get(key);
    return typeof value === 'string' ? value : undefined;
  };
  const [name, source, module, exportName] = [word('name'), word('source'), word('module'), word('export')];
  const [command, outputBytesMax] = [word('command'), fields.get('output_bytes_max')];
  if (name === undefined) return undefined;
  if (source !== undefined) return { form: 'source', name, source };
  if (module !== undefined && exportName !== undefined) return { form: 'module', name, module, exportName };
  if (command === undefined || typeof outputBytesMax !== 'number') return undefined;
  return { form: 'command', name, command, cwd: word('cwd') ?? '', outputBytesMax };
}

function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[\u0080-\uFFFF]/g, (one) =>
    `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
