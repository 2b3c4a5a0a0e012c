// The two ways in which a multi-user endpoint calls for a user endpoint: the present one and an older one.

/** Whose value is a word of its own; where a user endpoint's directory is, its environment says. */
const DIRECTORY: readonly string[] = ['-c', '--config-dir'];

/** The user endpoint's name; undefined: it is another command. What else is among the words is of no concern to it. */
export function userEndpointName(program: string, argv: readonly string[]): string | undefined {
  const words = argv.filter((word, i) => !word.startsWith('-') && !DIRECTORY.includes(argv[i - 1] ?? ''));
  if (program !== 'switchyard-endpoint' && words.shift() !== 'endpoint') return undefined;
  const [command, name = ''] = words;
  if (command === '_start-user-endpoint') return name;
  return command === 'start' && argv.includes('--die-with-parent') ? name : undefined;
}
