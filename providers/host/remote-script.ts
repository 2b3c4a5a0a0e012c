// A command as the text that a shell on a login node reads from its stdin. The user's own shell there is only told to
// become /bin/sh, so it may be any, and nothing has to be quoted for it.

import { quote, quoteAll } from '../../src/common/quote.ts';

/** What the login shell is asked for. */
export const REMOTE_SHELL = 'exec /bin/sh -s';
/** Sent on stdin, it ends the command and everything in its process group. */
export const END_LINE = 'end\n';

/**
 * The braces are read whole before anything runs, because what runs reads the same stdin: it is the command's leash.
 * When the line above comes, or when stdin closes while the command runs (the connection broke), the process group
 * that sshd made for it ends. (When the command itself has ended, sshd closes stdin at once: a child that it left
 * behind, holding its output, is out of reach.) What the user's startup files print comes before the mark and is not
 * the command's.
 */
export function remoteScript(
  argv: readonly [string, ...string[]], envs: Readonly<Record<string, string>>, mark: string,
): string {
  const exports = Object.entries(envs).map(([name, value]) => `export ${name}=${quote(value)}\n`).join('');
  return `{
${exports}state=found
command -v ${quote(argv[0])} >/dev/null 2>&1 || state=absent
printf '%s\\n' "${mark} $state"
printf '%s\\n' "${mark} $state" >&2
[ "$state" = found ] || exit 127
exec 3<&0
{ if read -r line || kill -0 $$; then kill -s KILL -- -$$ || kill -s KILL $$; fi; } <&3 3<&- >/dev/null 2>&1 &
exec ${quoteAll(argv)} </dev/null 3<&-
}
`;
}

export type Reply =
  | { readonly type: 'answer'; readonly stdout: string; readonly stderr: string }
  | { readonly type: 'absent' }
  /** The login shell did not come to run it; `said` is what it said instead. */
  | { readonly type: 'unstarted'; readonly said: string };

const SAID_MAX = 400;

/** What a command said, without what was said before it. */
export function readReply(stdout: Buffer, stderr: Buffer, mark: string): Reply {
  const [before, state, out] = cut(stdout, mark);
  if (state === 'absent') return { type: 'absent' };
  if (state === 'found') return { type: 'answer', stdout: out, stderr: cut(stderr, mark)[2] };
  const said = `${stderr.toString('utf8')}\n${before}`.trim().replaceAll(/\s+/g, ' ');
  return { type: 'unstarted', said: said.length > SAID_MAX ? `${said.slice(0, SAID_MAX)}…` : said };
}

/** [what was before the line of the mark, its state, what is after it]. */
function cut(bytes: Buffer, mark: string): [before: string, state: string, after: string] {
  const start = bytes.indexOf(`${mark} `);
  const end = start < 0 ? -1 : bytes.indexOf('\n', start);
  if (end < 0) return [bytes.toString('utf8'), '', ''];
  const state = bytes.toString('utf8', start + mark.length + 1, end);
  return [bytes.toString('utf8', 0, start), state, bytes.toString('utf8', end + 1)];
}
