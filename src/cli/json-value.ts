// Any value that a task may return → JSON text. What JSON has no word for gets a tag that says what it was:
//   123n → {"$bigint":"123"}          NaN, ±Infinity → {"$number":"NaN"}     undefined at the top → null
//   Map → {"$map":[[key,value],…]}    Set → {"$set":[…]}                     Date → its ISO text
//   bytes → {"$base64":"…"}           other typed arrays → {"$Float64Array":[…]}
//   Error → {"$error":{name,message}}  RegExp → {"$regexp":"/a/g"}            an invalid Date → {"$date":"invalid"}
//   function → {"$function":"name"}   symbol → {"$symbol":"…"}                an object in itself → {"$circular":true}
// What cannot be written at all (too deep, too large) is {"$unwritable":"why"}: a result is never lost for its form.

/** Half of what one string of JavaScript may hold, so that the line around it fits. */
export const JSON_LENGTH_MAX = 256 * 1024 * 1024;

export function toJson(value: unknown): string {
  try {
    const text = JSON.stringify(plain(value, []) ?? null);
    if (text.length <= JSON_LENGTH_MAX) return text;
    return JSON.stringify({ $unwritable: `longer than ${JSON_LENGTH_MAX / 1024 / 1024} MiB as JSON` });
  } catch (cause) {
    return JSON.stringify({ $unwritable: cause instanceof Error ? cause.message : String(cause) });
  }
}

/** A copy that JSON can carry. `above`: the objects this one is in. */
function plain(value: unknown, above: readonly object[]): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : { $number: String(value) };
    case 'bigint':
      return { $bigint: String(value) };
    case 'function':
      return { $function: value.name };
    case 'symbol':
      return { $symbol: value.description ?? '' };
    case 'object':
      return value === null ? null : plainObject(value, above);
  }
}

function plainObject(value: object, above: readonly object[]): unknown {
  if (above.includes(value)) return { $circular: true };
  const inside = [...above, value];
  const item = (each: unknown): unknown => plain(each, inside) ?? null;
  if (Array.isArray(value)) return value.map(item);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? { $date: 'invalid' } : value.toISOString();
  if (value instanceof Map) return { $map: Array.from(value, ([key, each]) => [item(key), item(each)]) };
  if (value instanceof Set) return { $set: Array.from(value, item) };
  if (value instanceof RegExp) return { $regexp: String(value) };
  if (value instanceof Error) {
    return { $error: { name: value.name, message: value.message, ...fieldsOf(value, inside) } };
  }
  if (value instanceof ArrayBuffer) return { $base64: Buffer.from(value).toString('base64') };
  if (ArrayBuffer.isView(value)) return plainView(value, item);
  return fieldsOf(value, inside);
}

function plainView(view: ArrayBufferView, item: (each: unknown) => unknown): unknown {
  if (view instanceof Uint8Array || view instanceof DataView) {
    return { $base64: Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64') };
  }
  // Every view that is left is an array of numbers or of bigints, and so can be walked.
  return { [`$${view.constructor.name}`]: Array.from(view as unknown as Iterable<unknown>, item) };
}

function fieldsOf(value: object, above: readonly object[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each, above)]));
}
