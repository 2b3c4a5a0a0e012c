// Checks of what users' values become: the schema, and the template with values that the schema itself proposes.

import { ComputeError } from '../common/errors.ts';
import { isJsonObject, parseJson, type Json, type JsonObject } from '../common/json.ts';
import type { RenderedConfig } from '../endpoint/user-config.ts';
import { failed, failure, ok, warning, type Finding } from './endpoint-finding.ts';
import type { NamedText } from './endpoint-input.ts';
import { rendering, type RenderSite } from './endpoint-render.ts';

export interface Tried {
  readonly findings: readonly Finding[];
  /** With the proposed values; undefined: it could not be rendered. */
  readonly rendered: RenderedConfig | undefined;
}

export function checkTemplate({ input }: RenderSite): Tried {
  const { schema } = input;
  const schemaFinding = checkSchema(schema);
  if (schemaFinding.level === 'fail') return { findings: [schemaFinding], rendered: undefined };
  const { values, missing } = schema === null ? NO_VALUES : proposedValues(schema.text);
  try {
    const rendered = rendering({ ...input, userOptions: values });
    return {
      rendered, findings: [
        schemaFinding, ok('template', `renders with ${worded(values)}: ${rendered.config.engine.provider.type}`),
        ...rendered.config.notes.map((note) => warning('template', note)),
      ],
    };
  } catch (error) {
    const wanting = unproposed(error, missing);
    return {
      rendered: undefined,
      findings: [schemaFinding, wanting === undefined ? failed(blamed(error), error) : warning('template', wanting)],
    };
  }
}

function checkSchema(schema: NamedText | null): Finding {
  if (schema === null) {
    return warning('schema', 'there is none: users may send what they like. user_config_schema.json, beside'
      + ' config.yaml, says what they may');
  }
  const { path, text } = schema;
  try {
    const document = parseJson(text);
    if (isJsonObject(document)) return ok('schema', `${path} is read`);
    return failure('schema', `${path} has to be a JSON object`);
  } catch (cause) {
    return failure('schema', `${path} is not JSON: ${cause instanceof Error ? cause.message : ''}`);
  }
}

export interface Proposed {
  readonly values: JsonObject;
  /** What has to be there, and for which nothing is proposed. */
  readonly missing: readonly string[];
}

const NO_VALUES: Proposed = { values: {}, missing: [] };

/** A default, else the first example, of each property. */
export function proposedValues(text: string): Proposed {
  const schema = parseJson(text);
  if (!isJsonObject(schema)) return NO_VALUES;
  const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
  const values = Object.fromEntries(Object.entries(properties).flatMap(([name, property]): [string, Json][] => {
    if (!isJsonObject(property)) return [];
    const { default: usual, examples, const: only, enum: options } = property;
    const [proposed] = [usual, only, firstOf(examples), firstOf(options)].filter((value) => value !== undefined);
    return proposed === undefined ? [] : [[name, proposed]];
  }));
  const required = Array.isArray(schema['required']) ? schema['required'].map(String) : [];
  return { values, missing: required.filter((name) => !(name in values)) };
}

function firstOf(list: Json | undefined): Json | undefined {
  return Array.isArray(list) ? list[0] as Json | undefined : undefined;
}

/** A sentence, where the values are what is wrong, and not the template. */
function unproposed(error: unknown, missing: readonly string[]): string | undefined {
  if (!(error instanceof ComputeError)) return undefined;
  const what = missing.length > 0 ? missing.join(', ')
    : /^\(UndefinedError\) '([^']+)' is undefined/.exec(error.message)?.[1];
  if (what === undefined) return undefined;
  return `was not tried: users have to send ${what}, and the schema proposes nothing for it. Give it "examples" there,`
    + ' or try values of your own with switchyard endpoint render';
}

/** Which of the two files is to be changed: what a schema proposes has to pass it. */
function blamed(error: unknown): string {
  return error instanceof ComputeError && /^\((?:Schema|Validation)Error\)/.test(error.message) ? 'schema' : 'template';
}

function worded(values: JsonObject): string {
  const names = Object.keys(values);
  return names.length === 0 ? 'no values' : `the schema's own values for ${names.join(', ')}`;
}
