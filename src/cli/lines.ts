// A byte stream → the texts between its separators, in batches as they arrive, each of bounded length.

import { StringDecoder } from 'node:string_decoder';
import { misuse } from './failure.ts';

export interface Line {
  readonly text: string;
  /** Counts from 1, as editors do. */
  readonly number: number;
  /** False for a last line without its separator. */
  readonly ended: boolean;
}

export interface LineOptions {
  /** What an error calls the stream. */
  readonly name: string;
  readonly separator: '\n' | '\0';
  readonly lengthMax: number;
}

export async function* linesOf(chunks: AsyncIterable<Buffer>, options: LineOptions): AsyncGenerator<readonly Line[]> {
  const { name, separator, lengthMax } = options;
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let number = 0;
  for await (const chunk of chunks) {
    const text = decoder.write(chunk);
    // Looked for in the new text only: a long line that comes in many chunks must not be read again with each.
    const parts = text.includes(separator) ? (rest + text).split(separator) : [rest + text];
    rest = parts.pop() ?? '';
    if (rest.length > lengthMax) {
      const line = number + parts.length + 1;
      throw misuse(`line ${line} of ${name} is longer than ${lengthMax / 1024 / 1024} MiB: is this the right file?`);
    }
    if (parts.length === 0) continue;
    yield parts.map((part, at) => ({ text: part, number: number + at + 1, ended: true }));
    number += parts.length;
  }
  rest += decoder.end();
  if (rest !== '') yield [{ text: rest, number: number + 1, ended: false }];
}
