// A task as it came → what the engine is given. Python's functions and ours are told apart by the tag of the
// serialised function; neither is opened further than that here.

import { ComputeError } from '../common/errors.ts';
import { FUNCTION_TAG, readBytes, readFunction, VALUE_TAG } from '../common/javascript.ts';
import type { JsonObject } from '../common/json.ts';
import { readItem, unpack } from '../common/packed.ts';
import { encodePayload, type Encoded } from '../common/payload.ts';
import type { FunctionDefinition, FunctionId, Footprint, Kind, ResourceSpecification } from '../common/protocol.ts';
import type { ArrivedTask } from './arrival.ts';
import type { EngineBlock } from './engine-block.ts';
import { readResources } from './resources.ts';

export type Language = 'javascript' | 'python';

/** What it needs of an engine. */
export interface Definer {
  define(definition: FunctionDefinition): FunctionId;
  footprint(asked: ResourceSpecification): Footprint | undefined;
}

/** Tasks of one function with one set of options. */
export interface Program {
  readonly language: Language;
  readonly kind: Kind;
}

export interface ProgramsConfig {
  readonly block: EngineBlock;
  /** Where tasks run. Absolute. */
  readonly directory: string;
}

/** Tags of the SDK's strategies for functions. */
const PYTHON_TAGS: ReadonlySet<string> = new Set(['01', '02', '03', '04', '10', '12', 'st', 'sd']);
const PROGRAMS_MAX = 1_000;

interface Known extends Program {
  readonly code: string;
}

export class Programs {
  readonly #engine: Definer;
  readonly #config: ProgramsConfig;
  readonly #known = new Map<string, Known>();

  constructor(engine: Definer, config: ProgramsConfig) {
    this.#engine = engine;
    this.#config = config;
  }

  /** Throws a ComputeError that says why such a task cannot run here. */
  of(task: ArrivedTask): Program {
    const { functionId, code, resourceSpecification: resources, resultSerializers: serializers } = task;
    const key = resources === undefined && serializers.length === 0 ? functionId
      : JSON.stringify([functionId, resources === undefined ? null : plain(resources), serializers]);
    const known = this.#known.get(key);
    // A function's id stands for its code; but whoever sends both could say otherwise.
    if (known !== undefined && known.code === code) return known;
    const made = { ...this.#make(task), code };
    const [oldest] = this.#known.keys();
    if (this.#known.size >= PROGRAMS_MAX && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(key, made);
    return made;
  }

  #make({ functionId, code, resourceSpecification, resultSerializers }: ArrivedTask): Program {
    const { block, directory } = this.#config;
    const { definition, language } = definitionOf(code, functionId, {
      resultSerializers, allowedSerializers: block.tasks.allowed_serializers, directory,
      sandbox: block.tasks.run_in_sandbox,
    });
    const { asked, priority } = readResources(block, resourceSpecification);
    const footprint = this.#engine.footprint(asked);
    return {
      language,
      kind: {
        fn: this.#engine.define(definition), timeoutMs: 0, minRemainingMs: 0,
        // A Python function that raised has a result; so what is tried again is what the system lost.
        retries: language === 'python' ? block.tasks.max_retries_on_system_failure : 0,
        ...priority === undefined ? {} : { priority }, ...footprint === undefined ? {} : { footprint },
      },
    };
  }
}

/** Throws BAD_MESSAGE for arguments that are not what the function's language has. */
export function argumentsOf({ taskId, payload }: ArrivedTask, language: Language): Encoded {
  if (language === 'python') return encodePayload([taskId, payload]);
  const items = unpack(payload);
  const item = readItem(items[0] ?? '');
  if (items.length !== 1 || item?.tag !== VALUE_TAG) {
    throw new ComputeError('BAD_MESSAGE', 'the arguments of a JavaScript function are not serialised as its SDK does: '
      + 'was it submitted with another SDK than it was registered with?');
  }
  return readBytes(item.body);
}

/** Which SDK made it; undefined for what none made. */
export function languageOf(code: string): Language | undefined {
  const tag = tagOf(code);
  if (tag === FUNCTION_TAG) return 'javascript';
  return tag !== undefined && PYTHON_TAGS.has(tag) ? 'python' : undefined;
}

interface PythonOptions {
  readonly resultSerializers: readonly string[];
  readonly allowedSerializers: readonly string[];
  readonly directory: string;
  readonly sandbox: boolean;
}

function definitionOf(
  code: string, functionId: string, python: PythonOptions,
): { readonly definition: FunctionDefinition; readonly language: Language } {
  const language = languageOf(code);
  switch (language) {
    case 'python': return { language, definition: { form: 'python', name: functionId, code, ...python } };
    case 'javascript': {
      const definition = readFunction(unpack(code)[0] ?? '');
      if (definition === undefined) {
        throw new ComputeError('BAD_MESSAGE', 'the function says that it is JavaScript, and is not as its SDK writes '
          + 'it');
      }
      const isHomeless = definition.form === 'command' && definition.cwd === '';
      return { language, definition: isHomeless ? { ...definition, cwd: python.directory } : definition };
    }
    case undefined:
      throw new ComputeError('BAD_MESSAGE', `the function is serialised as ${JSON.stringify(tagOf(code) ?? '')}, which `
        + 'this endpoint does not know: it runs Python as globus_compute_sdk serialises it, and JavaScript as '
        + 'switchyard does');
  }
}

function tagOf(code: string): string | undefined {
  const start = code.indexOf('\n') + 1;
  return start === 0 ? undefined : readItem(code.slice(start, start + 3))?.tag;
}

/** With numbers as JSON.stringify has them: those past 2^53 say nothing here anyway. */
function plain(resources: JsonObject): object {
  return Object.fromEntries(Object.entries(resources).map(([key, value]) =>
    [key, typeof value === 'bigint' ? value.toString() : value]));
}
