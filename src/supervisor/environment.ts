// The environment of a user endpoint: what user_environment.yaml says, and three variables that every process needs.
// Nothing of the supervisor's own gets there where it runs as another user.

import { parseYaml } from '../common/yaml.ts';
import { isMapping } from '../common/schema.ts';

export type Environment = Readonly<Record<string, string>>;

export interface ReadEnvironment {
  readonly variables: Environment;
  /** What is wrong with the file, without anything that it says: values may be secrets. */
  readonly problems: readonly string[];
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** The kernel takes no longer one. */
const VALUE_BYTES_MAX = 128 * 1024;
/** What an unprivileged supervisor does not pass on of its own: how it logs in, and what changes every program. */
const OWN_ALONE = /^(?:GLOBUS_COMPUTE_CLIENT_(?:ID|SECRET)|SWITCHYARD_(?:TOKEN|CLIENT_\w+)|LD_\w+|NODE_\w+)$/;

/** Never fails: what cannot be read is a problem to be told, and user endpoints start with the defaults. */
export function environmentIn(text: string, path: string): ReadEnvironment {
  let document: unknown;
  try {
    document = parseYaml(text, path);
  } catch (error) {
    // Where it is, and not what the parser says, which may quote a value.
    const place = error instanceof Error ? /:\d+:\d+(?=: )/.exec(error.message)?.[0] ?? '' : '';
    return { variables: {}, problems: [`${path}${place}: this is not YAML; a value with signs in it needs quotes`] };
  }
  if (document === null) return { variables: {}, problems: [] };
  if (!isMapping(document)) return { variables: {}, problems: [`${path}: expected one variable a line, NAME: value`] };
  const entries = Object.entries(document).map(([name, value]) => ({ name, text: textOf(value) }));
  const problems = entries.flatMap(({ name, text: value }) => {
    if (!NAME.test(name)) return [`${path}: ${JSON.stringify(name.slice(0, 40))} cannot be a variable's name`];
    if (value.includes('\0') || Buffer.byteLength(value) > VALUE_BYTES_MAX) {
      return [`${path}: the value of ${name} cannot be in an environment`];
    }
    return [];
  });
  const good = entries.filter(({ name, text: value }) => NAME.test(name) && !value.includes('\0')
    && Buffer.byteLength(value) <= VALUE_BYTES_MAX);
  return { variables: Object.fromEntries(good.map(({ name, text: value }) => [name, value])), problems };
}

/** As Python's str() words it, which is what the field's administrators have seen so far. */
function textOf(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : JSON.stringify(value);
}

/** Complete: with HOME, USER and PATH where they are not set. `nodeDirectory`: where our interpreter is. */
export function userEnvironment(
  variables: Environment, { name, directory }: { readonly name: string; readonly directory: string },
  nodeDirectory: string,
): Environment {
  return {
    HOME: directory, USER: name, ...variables,
    PATH: variables['PATH'] || `/usr/local/bin:/usr/bin:/bin:${nodeDirectory}`,
  };
}

/** What an unprivileged supervisor, which starts its owner's user endpoints as itself, passes on of its own. */
export function passedOn(own: Readonly<Record<string, string | undefined>>): Environment {
  return Object.fromEntries(Object.entries(own)
    .filter((entry): entry is [string, string] => entry[1] !== undefined && !OWN_ALONE.test(entry[0])));
}
