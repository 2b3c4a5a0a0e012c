import { createHash } from 'node:crypto';
import type { FunctionDefinition, FunctionId } from '../src/common/protocol.ts';

/** Equal definitions have equal ids, so a function that is given again and again travels once. */
export function functionId(definition: FunctionDefinition): FunctionId {
  const digest = createHash('sha256').update(JSON.stringify(definition)).digest('base64url');
  return digest.slice(0, 22) as FunctionId; // 128 bits: made here
}
