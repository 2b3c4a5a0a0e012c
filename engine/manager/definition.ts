// A function's definition, in memory that all workers see: however large it is, it is handed over for nothing.

import type { FunctionDefinition } from '../../src/common/protocol.ts';

export interface SharedDefinition {
  /** JSON of the definition. */
  readonly bytes: Uint8Array;
  readonly form: FunctionDefinition['form'];
}

export function share(definition: FunctionDefinition): SharedDefinition {
  const text = new TextEncoder().encode(JSON.stringify(definition));
  const bytes = new Uint8Array(new SharedArrayBuffer(text.length));
  bytes.set(text);
  return { bytes, form: definition.form };
}
