// What ~/.ssh/config says of a host, in the keywords that a way to a login node is made of. Of each keyword the first
// value counts, as in OpenSSH. What might concern the host and is not read here is listed, so that an error can say so.

export interface HostSettings {
  readonly hostName?: string;
  readonly user?: string;
  readonly port?: number;
  /** As written, with `~` and `%` tokens; all that apply, in order. */
  readonly identityFiles: readonly string[];
  /** 'none' included: it ends the search. */
  readonly proxyJump?: string;
  readonly knownHostsFiles?: readonly string[];
  readonly keepaliveS?: number;
  /** 'line 3: Include'. */
  readonly unread: readonly string[];
}

/** Keywords that change how a host is reached and that have no meaning here. */
const UNREAD = new Set([
  'include', 'proxycommand', 'certificatefile', 'identityagent', 'hostkeyalias', 'pkcs11provider',
]);

/** `name`: the host as the user calls it, before any HostName. */
export function settingsFor(text: string, name: string): HostSettings {
  const values = new Map<string, readonly string[]>();
  const identityFiles: string[] = [];
  const unread: string[] = [];
  let applies = true;
  for (const [i, raw] of text.split('\n').entries()) {
    const [word, ...args] = wordsOf(raw);
    if (word === undefined) continue;
    const keyword = word.toLowerCase();
    if (keyword === 'host') applies = matchesHost(args, name);
    else if (keyword === 'match') {
      applies = args.length === 1 && args[0]?.toLowerCase() === 'all';
      if (!applies) unread.push(`line ${i + 1}: ${word}`);
    } else if (applies && UNREAD.has(keyword)) unread.push(`line ${i + 1}: ${word}`);
    else if (applies && keyword === 'identityfile') identityFiles.push(...args.slice(0, 1));
    else if (applies && !values.has(keyword)) values.set(keyword, args);
  }
  return { ...plain(values), identityFiles, unread };
}

function plain(values: ReadonlyMap<string, readonly string[]>): Omit<HostSettings, 'identityFiles' | 'unread'> {
  const first = (keyword: string): string | undefined => values.get(keyword)?.[0];
  const [hostName, user, proxyJump] = [first('hostname'), first('user'), first('proxyjump')];
  const [port, keepaliveS] = [numberOf(first('port'), 65_535), numberOf(first('serveraliveinterval'), 86_400)];
  const knownHostsFiles = values.get('userknownhostsfile');
  return {
    ...(hostName === undefined ? {} : { hostName }),
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port }),
    ...(proxyJump === undefined ? {} : { proxyJump }),
    ...(knownHostsFiles === undefined ? {} : { knownHostsFiles }),
    ...(keepaliveS === undefined ? {} : { keepaliveS }),
  };
}

/** A number in its bounds, or nothing: OpenSSH itself would refuse the file. 0 is no port and turns keepalive off. */
function numberOf(text: string | undefined, most: number): number | undefined {
  if (text === undefined || !/^\d{1,6}$/.test(text)) return undefined;
  const value = Number(text);
  return value > 0 && value <= most ? value : undefined;
}

/** 'Keyword arg "an arg"' and 'Keyword=arg', without comments. */
function wordsOf(line: string): string[] {
  const [, keyword, rest = ''] = /^\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*)$/.exec(line.trimEnd()) ?? [];
  if (keyword === undefined) return [];
  const args: string[] = [];
  for (const [, quoted, bare] of rest.matchAll(/"([^"]*)"|(\S+)/g)) {
    if (bare?.startsWith('#')) break;
    args.push(quoted ?? bare ?? '');
  }
  return [keyword, ...args];
}

/** One pattern must match and no negated one. */
function matchesHost(patterns: readonly string[], name: string): boolean {
  const negated = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  const wanted = patterns.filter((pattern) => !pattern.startsWith('!'));
  return wanted.some((pattern) => matchesPattern(pattern, name))
    && !negated.some((pattern) => matchesPattern(pattern, name));
}

/** `*` is any text and `?` any character; case makes no difference. */
export function matchesPattern(pattern: string, name: string): boolean {
  let [p, n, star, mark] = [0, 0, -1, 0];
  const [wanted, given] = [pattern.toLowerCase(), name.toLowerCase()];
  // Without a regular expression, which a pattern of many stars would keep busy for ever.
  while (n < given.length) {
    if (wanted[p] === '*') [star, mark] = [p++, n];
    else if (p < wanted.length && (wanted[p] === '?' || wanted[p] === given[n])) [p, n] = [p + 1, n + 1];
    else if (star >= 0) [p, n] = [star + 1, ++mark];
    else return false;
  }
  while (wanted[p] === '*') p += 1;
  return p === wanted.length;
}
