import { createHash } from 'node:crypto';

const MARK_CHARS = 8;

/**
 * The name a job has at its scheduler: what was wanted, in characters that every scheduler takes, and a mark of the
 * block's folder. No other job of this user has it, in no other run either, so a job can be told by it. Where there is
 * no room for all, the end of what was wanted stays, which has the block's number.
 */
export function jobName(wanted: string, folder: string, charsMax: number): string {
  const mark = createHash('sha256').update(`${folder}\0${wanted}`).digest('hex').slice(0, MARK_CHARS);
  const plain = wanted.replace(/[^A-Za-z0-9_.-]/g, '_').replace(/^(?![A-Za-z])/, 'b');
  const room = charsMax - MARK_CHARS - 1;
  const short = plain.length <= room ? plain : `b${plain.slice(plain.length - room + 1)}`;
  return `${short}.${mark}`;
}
