// The rules of the house, as functions from the sources to what breaks them. tidy.test.ts applies them.

export interface Source {
  /** From the root of the project, with slashes. */
  readonly path: string;
  readonly lines: readonly string[];
}

/** `path:line what is wrong`. */
type Violation = string;
type Rule = (sources: readonly Source[]) => Violation[];

// Rooms, the longest prefix first, and what each may import beside itself: whole rooms, or single files of others.
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/common': [],
  'src/amqp': ['src/common'],
  'src/sdk': ['src/common', 'src/amqp', 'engine'],
  'src/cli': ['src/common', 'src/sdk', 'bench', 'providers/index.ts', 'launchers/index.ts', 'engine/config.ts',
    'engine/runs.ts', 'engine/preview.ts', 'src/endpoint/config.ts', 'src/endpoint/user-config.ts',
    'src/endpoint/user-endpoint.ts', 'src/endpoint/includes.ts', 'src/supervisor/accounts.ts',
    'src/supervisor/account-name.ts', 'src/supervisor/identity-lookup.ts', 'src/supervisor/identity-map.ts',
    'src/supervisor/config.ts', 'src/supervisor/files.ts', 'src/supervisor/orders.ts',
    'src/supervisor/privileges.ts', 'src/supervisor/strict-modes.ts', 'src/supervisor/environment.ts',
    'src/supervisor/launch.ts'],
  'src/service': ['src/common', 'src/amqp'],
  'src/supervisor': ['src/common', 'src/amqp'],
  'src/template': ['src/common'],
  'src/endpoint': ['src/common', 'src/amqp', 'src/template', 'engine'],
  'engine/interchange': ['src/common', 'engine/socket.ts', 'engine/bundle.ts', 'engine/pipe.ts', 'engine/config.ts'],
  'engine/manager': ['src/common', 'engine/socket.ts', 'engine/bundle.ts', 'engine/config.ts'],
  'engine/worker': ['src/common', 'engine/socket.ts', 'engine/bundle.ts', 'engine/config.ts'],
  'engine/blocks': ['src/common', 'providers', 'launchers'],
  engine: ['src/common', 'engine/blocks', 'providers/index.ts', 'providers/provider.ts', 'providers/host/host.ts',
    'launchers/index.ts'],
  providers: ['src/common', 'launchers'],
  launchers: ['src/common'],
  // The real protocol of thousands of managers, without their threads.
  bench: ['src/common', 'src/sdk', 'src/amqp', 'src/service/private-broker.ts',
    'engine', 'engine/manager/config-file.ts', 'engine/manager/link.ts',
    'engine/manager/zero.ts', 'engine/blocks',
    'providers'],
  examples: ['src/sdk'],
  test: ['src/common', 'src/amqp', 'src/sdk', 'src/cli', 'src/service', 'src/supervisor', 'src/template',
    'src/endpoint', 'engine', 'engine/interchange', 'engine/manager', 'engine/worker', 'engine/blocks', 'providers',
    'launchers', 'bench', 'examples'],
};

/** A package is known to these files only; the rest of the house would survive its replacement. */
const SEAMS: Readonly<Record<string, RegExp>> = {
  zeromq: /^(engine\/socket|bench\/limits\/raw-socket)\.ts$/,
  piscina: /^(engine\/manager\/pool|bench\/limits\/piscina)\.ts$/,
  msgpackr: /^src\/common\/msgpack\.ts$/,
  ajv: /^src\/(common\/schema|endpoint\/user-schema)\.ts$/,
  'ajv-draft-04': /^src\/endpoint\/user-schema\.ts$/,
  nunjucks: /^src\/template\/grammar\.ts$/,
  yaml: /^src\/common\/yaml\.ts$/,
  pino: /^src\/common\/log\.ts$/,
  commander: /^src\/cli\//,
  'cli-progress': /^src\/cli\/progress\.ts$/,
  'fastest-levenshtein': /^src\/common\/schema\.ts$/,
  'crc-32': /^src\/cli\/journal-record\.ts$/,
  fastify: /^src\/service\/http\.ts$/,
  '@fastify/swagger': /^src\/service\/http\.ts$/,
  '@fastify/formbody': /^src\/service\/http\.ts$/,
  '@electric-sql/pglite': /^src\/service\/embedded\/lite\.ts$/,
  pg: /^(src\/service\/postgres|test\/process\/postgres-server)\.ts$/,
  '@node-oauth/oauth2-server': /^src\/service\/oauth\/server\.ts$/,
  jose: /^src\/service\/oauth\/keys\.ts$/,
  amqplib: /^src\/amqp\/connection\.ts$/,
  ssh2: /^providers\/host\/ssh\.ts$/,
  'fast-check': /^test\//,
};

/** The floor. A new file here is a decision, written down in ARCHITECTURE.md. */
const COMMON_FILES: ReadonlySet<string> = new Set([
  'api', 'batch-header', 'binary', 'clock', 'codec', 'columns', 'endpoint-keys', 'errors', 'exec', 'exotic',
  'holder', 'javascript', 'json', 'lock', 'log', 'msgpack', 'packed', 'payload', 'process-config', 'protocol',
  'python-task', 'quote', 'resources', 'schema', 'shutdown', 'slot-memory', 'yaml',
].map((name) => `src/common/${name}.ts`));

const LINES_MAX = 300;
const TEST_LINES_MAX = 400;
const COLUMNS_MAX = 120;
const FUNCTION_LINES_MAX = 60;

// Put together here, so that this file does not break its own rule.
const FORBIDDEN_WORDS = [['/wo', 'rk/'], ['registry.', 'npmjs'], ['HOUSE', '.md'], ['STYLE', '.md']]
  .map((halves) => halves.join(''));
const BARE_REMINDER = new RegExp(`\\b${['TO', 'DO'].join('')}\\b(?!: \\S+ \\S+)`);

export function roomOf(path: string): string | undefined {
  return Object.keys(MAY_IMPORT).find((room) => path.startsWith(`${room}/`));
}

const imports: Rule = (sources) => sources.filter(isCode).flatMap((source) => importsOf(source).flatMap((one) => {
  const at = `${source.path}:${one.line}`;
  if (one.path === undefined) return packageImport(source.path, one.name, at);
  if (!sources.some(({ path }) => path === one.path)) return [`${at} imports ${one.path}, which is not there`];
  if (/(^|\/)main\.ts$/.test(one.path)) return [`${at} imports a main.ts: processes are started, not imported`];
  const [from, to] = [roomOf(source.path), roomOf(one.path)];
  if (from === undefined || to === undefined) return [`${at} is, or imports from, outside of all rooms`];
  const allowed = from === to || MAY_IMPORT[from]?.includes(to) || MAY_IMPORT[from]?.includes(one.path);
  return allowed ? [] : [`${at} ${from} may not import ${one.path}`];
}));

function packageImport(path: string, name: string, at: string): Violation[] {
  if (name.startsWith('node:')) return [];
  const packageName = name.split('/').slice(0, name.startsWith('@') ? 2 : 1).join('/');
  const seam = SEAMS[packageName];
  if (seam === undefined) return [`${at} imports ${packageName}, for which no seam is named`];
  return seam.test(path) ? [] : [`${at} imports ${packageName} outside of its seam`];
}

const cycles: Rule = (sources) => {
  const graph = new Map(sources.filter(isCode).map((source) => [source.path, importsOf(source)]));
  const done = new Set<string>();
  const found: Violation[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      found.push(`${path}:1 is in an import cycle: ${[...trail.slice(trail.indexOf(path)), path].join(' → ')}`);
    } else if (!done.has(path)) {
      for (const one of graph.get(path) ?? []) if (one.path !== undefined) visit(one.path, [...trail, path]);
      done.add(path);
    }
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
};

const lengths: Rule = (sources) => sources.filter(isCode).flatMap(({ path, lines }) => {
  const most = path.startsWith('test/') ? TEST_LINES_MAX : LINES_MAX;
  return [
    ...lines.length > most ? [`${path}:${lines.length} the file has more than ${most} lines`] : [],
    ...lines.flatMap((line, i) => line.length > COLUMNS_MAX ? [`${path}:${i + 1} ${line.length} columns`] : []),
    ...functionsOf(lines).filter(({ length }) => length > FUNCTION_LINES_MAX)
      .map(({ line, length }) => `${path}:${line} the function has ${length} lines`),
  ];
});

const names: Rule = (sources) => sources.flatMap(({ path }) => {
  const parts = path.replace(/^(src|test\/unit)\/common\//, '').split('/');
  if (parts.some((part) => /^(utils?|helpers?|types|misc|common)(\.|$)/.test(part))) {
    return [`${path}:1 a name that says nothing`];
  }
  const isNewOnTheFloor = path.startsWith('src/common/') && path.endsWith('.ts') && !COMMON_FILES.has(path);
  return isNewOnTheFloor ? [`${path}:1 is new in src/common: add it to the list if it is meant to be there`] : [];
});

interface CodeRule {
  readonly wrong: RegExp;
  readonly why: string;
  readonly where: (path: string) => boolean;
}

const ENVIRONMENT =
  /(^|\/)main\.ts$|^(src\/cli|test|bench)\/|^(providers\/host\/route|src\/sdk\/credentials)\.ts$/;

/** Found line by line, in code without its comments. */
const CODE_RULES: readonly CodeRule[] = [
  {
    wrong: /^\s*export default\b/, why: 'a default export',
    where: (path) => path !== 'engine/worker/main.ts',
  }, {
    wrong: /\bprocess\.env\b(?!\[[^\]]+\] = )/, why: 'reads the environment outside of a main.ts',
    // The SSH agent is known by nothing but a variable of the user's session; the SDK has no main.ts, and the field's
    // own variables say who its user is.
    where: (path) => !ENVIRONMENT.test(path),
  }, {
    wrong: /\b(Date\.now|performance\.now|setTimeout|setInterval)\(/, why: 'time in a file that only decides',
    where: (path) => /(^|\/)(core|state|strategy|table|queue)\.ts$/.test(path),
  },
];

const code: Rule = (sources) => sources.filter(isCode).flatMap(({ path, lines }) => {
  const rules = CODE_RULES.filter(({ where }) => where(path));
  return withoutComments(lines).flatMap((line, i) => rules.filter(({ wrong }) => wrong.test(line))
    .map(({ why }) => `${path}:${i + 1} ${why}`));
});

const words: Rule = (sources) => sources.flatMap(({ path, lines }) => lines.flatMap((line, i) => [
  ...FORBIDDEN_WORDS.filter((word) => line.includes(word)).map((word) => `${path}:${i + 1} says ${word}`),
  ...BARE_REMINDER.test(line) ? [`${path}:${i + 1} a reminder without a reason`] : [],
]));

export const RULES: Readonly<Record<string, Rule>> = { imports, cycles, lengths, names, code, words };

interface Import {
  readonly line: number;
  readonly name: string;
  /** For a file of ours, from the root of the project. */
  readonly path?: string;
}

const IMPORT = /^(?:(?:import|export)\s[^'";]*?from|import)\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

function importsOf(source: Source): Import[] {
  const text = withoutComments(source.lines).join('\n');
  return [...text.matchAll(IMPORT)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length;
    const name = match[1] ?? match[2] ?? '';
    if (!name.startsWith('.')) return { line, name };
    return { line, name, path: new URL(name, `file:///${source.path}`).pathname.slice(1) };
  });
}

/** Comments that have lines of their own, or that end one, become empty; line numbers stay. */
function withoutComments(lines: readonly string[]): string[] {
  let inBlock = false;
  return lines.map((line) => {
    if (/^\s*\/\*/.test(line)) inBlock = true;
    const kept = inBlock ? '' : line.replace(/(^|\s)\/\/.*$/, '');
    if (/\*\/\s*$/.test(line)) inBlock = false;
    return kept;
  });
}

/**
 * Functions with a body of several lines, from the line that opens them to the brace below its first character. A
 * suite is not one: it is a list of tests, which are measured one by one.
 */
function functionsOf(lines: readonly string[]): { line: number; length: number }[] {
  return lines.flatMap((line, start) => {
    const indent = line.length - line.trimStart().length;
    const closes = (bracket: string) => (one: string): boolean => one.startsWith(' '.repeat(indent) + bracket);
    if (!opensFunction(line, () => lines.slice(start + 1).find(closes(')')))) return [];
    const length = lines.slice(start + 1).findIndex(closes('}')) + 2;
    const isSuite = lines.slice(start + 1, start + length).some((one) => /^\s+(await )?(test|it|t\.test)\(/.test(one));
    return isSuite ? [] : [{ line: start + 1, length }];
  });
}

const METHOD = /^\s*((async|static|override|get|set)\s+)*[*#]?\w+(<.*>)?\(/;
const STATEMENT = /^\s*([})]|(if|for|while|switch|do|try|return|throw|case|default)\b)/;

function opensFunction(line: string, endOfSignature: () => string | undefined): boolean {
  if (STATEMENT.test(line)) return false;
  const last = line.endsWith('(') ? endOfSignature() ?? '' : line;
  if (!last.endsWith('{')) return false;
  return /\bfunction\b|=>\s*\{$/.test(line + last) || METHOD.test(line);
}

function isCode({ path }: Source): boolean {
  return path.endsWith('.ts');
}
