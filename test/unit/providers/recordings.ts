// What real schedulers answered, byte for byte: one JSON line per command, in test/fixtures.

import { readFileSync } from 'node:fs';
import type { Output } from '../../../src/common/exec.ts';

export interface Recording {
  readonly name: string;
  readonly argv: readonly string[];
  readonly output: Output;
}

interface Line {
  readonly name: string;
  readonly argv: readonly string[];
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function recordingsOf(file: string): readonly Recording[] {
  const path = new URL(`../../../../test/fixtures/${file}`, import.meta.url);
  return readFileSync(path, 'utf8').split('\n').filter((text) => text !== '').map((text) => {
    const { name, argv, exitCode, stdout, stderr }: Line = JSON.parse(text);
    return { name, argv, output: { code: exitCode, signal: null, stdout, stderr } };
  });
}
