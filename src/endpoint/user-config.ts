// A user's values and the administrator's template → the configuration of a user endpoint. Nothing is started, looked
// up or written: an administrator can see what would come of any values.

import { availableParallelism } from 'node:os';
import { basename, dirname } from 'node:path';
import { ComputeError } from '../common/errors.ts';
import type { JsonObject } from '../common/json.ts';
import { invalid, isMapping } from '../common/schema.ts';
import { parseYaml } from '../common/yaml.ts';
import { renderTemplate, TemplateError, toTemplateValue, type TemplateValue } from '../template/template.ts';
import { parseEndpointConfig, type EndpointConfig } from './config.ts';
import { STEPS, startFailure } from './start-failure.ts';
import { isStructural, neutralised, refuseReserved, sanitised, sanitisedIdentity, shellEscaped, textsIn }
  from './user-options.ts';
import { checkUserOptions, type WrittenFile } from './user-schema.ts';
import { firstDifference, sameStructure } from './user-structure.ts';

export interface RenderInput {
  readonly template: WrittenFile;
  /** null: whatever a user sends is taken. */
  readonly schema: WrittenFile | null;
  readonly userOptions: JsonObject;
  /** What the user's own program says of itself. */
  readonly userRuntime: JsonObject;
  /** The multi-user endpoint's own configuration. */
  readonly parentConfig: JsonObject;
  readonly mappedIdentity: JsonObject;
  /** The text of a file that the template includes; without it, it cannot include any. */
  readonly include?: ((name: string) => string | undefined) | undefined;
  /** Of the user endpoint, for the messages. */
  readonly name?: string;
  /** Of the machine that it would run on. */
  readonly cores?: number;
}

export interface RenderedConfig {
  /** The user's values, as the template finds them. */
  readonly values: JsonObject;
  /** YAML. */
  readonly text: string;
  readonly document: Readonly<Record<string, unknown>>;
  readonly config: EndpointConfig;
}

/** What a template is given by name. */
interface Given {
  readonly options: JsonObject;
  readonly runtime: JsonObject;
  readonly identity: JsonObject;
}

/** Throws a start failure: a ComputeError with `step` and `kind` in its details. */
export function renderUserConfig(input: RenderInput): RenderedConfig {
  const { userOptions, schema, userRuntime, mappedIdentity } = input;
  refuseReserved(userOptions);
  if (schema !== null) checkUserOptions(schema, userOptions);
  const given: Given = {
    options: sanitised(userOptions), runtime: sanitised(userRuntime), identity: sanitisedIdentity(mappedIdentity),
  };
  const text = rendered(input, given);
  const document = parsed(input, text);
  refuseStructure(input, given, text, document);
  const whole = withAssurance(input, document);
  return { values: given.options, text, document: whole, config: configOf(input, whole) };
}

function rendered(input: RenderInput, { options, runtime, identity }: Given): string {
  const { template, include, parentConfig } = input;
  const ours = { parent_config: parentConfig, user_runtime: runtime, mapped_identity: identity };
  const scope = Object.fromEntries(Object.entries({ ...options, ...ours, _GC: ours })
    .map(([name, value]) => [name, toTemplateValue(value)]));
  try {
    return renderTemplate(template.text, scope, {
      name: basename(template.path), includePath: dirname(template.path),
      ...include === undefined ? {} : { include }, filters: { shell_escape: shellEscape },
    });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw startFailure(STEPS.render, error.kind, `${error.message}${placeOf(error, template.path)}`, error);
  }
}

function shellEscape(value: TemplateValue): TemplateValue {
  return typeof value === 'string' ? shellEscaped(value) : value;
}

function placeOf({ file, line }: TemplateError, path: string): string {
  return line === undefined ? '' : ` (${file ?? basename(path)}, line ${line})`;
}

function parsed({ template }: RenderInput, text: string): Readonly<Record<string, unknown>> {
  const what = `${basename(template.path)}, as rendered`;
  let document: unknown;
  try {
    document = parseYaml(text, what);
  } catch (error) {
    if (!(error instanceof ComputeError)) throw error;
    throw startFailure(STEPS.document, 'ParserError', error.message, error);
  }
  if (isMapping(document)) return document;
  const found = document === null ? 'it is empty' : Array.isArray(document) ? 'it is a list' : 'it is a single value';
  throw startFailure(STEPS.document, 'ValueError', `${what}: the rendered configuration must be a YAML mapping, and ${
    found}`);
}

/** Throws for a value that has become a part of the configuration's structure. */
function refuseStructure(input: RenderInput, given: Given, text: string, document: unknown): void {
  // What the template itself says in quotes, it compares with: those values its author has foreseen.
  const known = (written: string): boolean => input.template.text.includes(written);
  const isSuspect = (written: string): boolean => isStructural(written) && !known(written);
  if (!Object.values(given).flatMap(textsIn).some(isSuspect)) return;
  const calmed = (options: JsonObject): JsonObject => neutralised(options, known) as JsonObject; // an object stays one
  const harmless = { options: calmed(given.options), runtime: calmed(given.runtime), identity: calmed(given.identity) };
  if (keepsStructure(input, harmless, document)) return;
  for (const name of Object.keys(given.options)) {
    const options = { ...given.options, [name]: harmless.options[name] ?? null };
    if (keepsStructure(input, { ...given, options }, document)) continue;
    const line = firstDifference(text, attempted(input, { ...given, options }));
    throw becomesStructure(input, `the value of ${name}`, line);
  }
  throw becomesStructure(input, 'what the user sends', firstDifference(text, attempted(input, harmless)));
}

function keepsStructure(input: RenderInput, given: Given, document: unknown): boolean {
  try {
    return sameStructure(document, parseYaml(rendered(input, given), ''));
  } catch (error) {
    // A template that takes a value apart may need what was replaced in it; what cannot be parsed is another document.
    return error instanceof ComputeError && error.details['step'] === STEPS.render;
  }
}

function attempted(input: RenderInput, given: Given): string {
  try {
    return rendered(input, given);
  } catch {
    return ''; // then the first line it is
  }
}

function becomesStructure({ template }: RenderInput, what: string, line: number): Error {
  return startFailure(STEPS.render, 'ValueError', `${what} would become more than a value in the configuration (line ${
    line} of what ${basename(template.path)} renders): a template must print it unquoted and whole, as {{ NAME }}`);
}

function withAssurance(
  { template, parentConfig }: RenderInput, document: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  if (Object.hasOwn(document, 'high_assurance')) {
    throw startFailure(STEPS.document, 'ValueError', 'Error generating template; contact MEP administrator',
      new Error(`\`high_assurance\` may not be specified in template (${template.path})`));
  }
  return parentConfig['high_assurance'] === true ? { high_assurance: true, ...document } : document;
}

function configOf(
  { template, name = 'it', cores }: RenderInput, document: Readonly<Record<string, unknown>>,
): EndpointConfig {
  const file = basename(template.path);
  if (document['engine'] === undefined || document['engine'] === null) {
    throw startFailure(STEPS.information, 'SystemExit', `Configuration for endpoint ${name} is missing an \`engine\` `
      + `field; endpoint will not start. (Hint: is \`${file}\` missing an \`engine\` block?)`);
  }
  try {
    return parseEndpointConfig(document, cores ?? availableParallelism());
  } catch (error) {
    if (!(error instanceof ComputeError)) throw error;
    // Its parser speaks of the file that an endpoint of one user has.
    const lines = error.message.split('\n').map((line) => line.replace(/^config\.yaml\b/, file));
    throw startFailure(STEPS.information, 'ClickException', lines.join('\n'), invalid(lines));
  }
}
