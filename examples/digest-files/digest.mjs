// What is in a file, in three figures: how long it is, its SHA-256, and how well gzip packs it. The file is read as a
// stream, so that a worker never holds more of it than a piece.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

export async function digest(path) {
  const hash = createHash('sha256');
  let bytes = 0;
  let packed = 0;
  await pipeline(
    createReadStream(path, { highWaterMark: 256 * 1024 }),
    async function* measured(chunks) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    },
    createGzip(),
    async (chunks) => {
      for await (const chunk of chunks) packed += chunk.length;
    },
  );
  return { path, bytes, sha256: hash.digest('hex'), gzipRatio: bytes === 0 ? 1 : Number((packed / bytes).toFixed(4)) };
}
