// The committed templates, and what the real Jinja2 makes of templates.

import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonVenv } from './python-venv.ts';
import { TemplateError, fromJson, renderTemplate } from '../src/template/template.ts';

const FIXTURES = fileURLToPath(new URL('../../test/fixtures/templates/', import.meta.url));
const ORACLE_MS = 60_000;

export interface TemplateCase {
  readonly name: string;
  readonly template: string;
  /** JSON: both sides read it themselves. */
  readonly context: string;
  /** Templates to include, by their names. */
  readonly files: ReadonlyMap<string, string>;
  readonly directory?: string;
}

/** What came of one: `line` only of errors of syntax. */
export type Outcome = { readonly text: string }
  | { readonly error: string; readonly message: string; readonly line?: number | null };

/** `*.lines`: a context in the first line, and a template in each of the others. `*.cases`: as parseCases says. */
export async function readCorpus(): Promise<TemplateCase[]> {
  const names = (await readdir(FIXTURES)).filter((name) => /\.(lines|cases)$/.test(name)).sort();
  const texts = await Promise.all(names.map((name) => readFile(FIXTURES + name, 'utf8')));
  return names.flatMap((name, i) => {
    const content = texts[i] ?? '';
    return name.endsWith('.lines') ? parseLines(name, content) : parseCases(name, content);
  });
}

function parseLines(file: string, content: string): TemplateCase[] {
  const [first = '', ...lines] = content.replace(/\n$/, '').split('\n');
  const context = first.replace(/^with: /, '');
  return lines.map((template, i) => ({ name: `${file}:${i + 2}`, template, context, files: new Map() }));
}

/** `==== name` begins a case, `with: ` is its context, `---- file` begins a template to include. */
function parseCases(file: string, content: string): TemplateCase[] {
  return content.split(/^==== /m).slice(1).map((one) => {
    const [, name = '', rest = ''] = /^(.*)\n([\s\S]*)$/.exec(one) ?? [];
    const [, context = '{}', body = rest] = /^with: (.*)\n([\s\S]*)$/.exec(rest) ?? [];
    const [template = '', ...files] = body.split(/^---- /m);
    return {
      name: `${file}: ${name}`, template, context,
      files: new Map(files.map((part) => {
        const [, path = '', content_ = ''] = /^(.*)\n([\s\S]*)$/.exec(part) ?? [];
        return [path, content_] as const;
      })),
    };
  });
}

/** Puts the files of the cases where both sides read them. */
export async function withFiles<T>(cases: readonly TemplateCase[],
  act: (placed: readonly TemplateCase[]) => Promise<T>): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), 'templates-'));
  try {
    return await act(await Promise.all(cases.map(async (one, i) => {
      if (one.files.size === 0) return one;
      const directory = join(root, String(i));
      await mkdir(directory);
      for (const [path, content] of one.files) await writeFile(join(directory, path), content);
      return { ...one, directory };
    })));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

export function renderHere({ template, context, directory }: TemplateCase): Outcome {
  const given = fromJson(context);
  const scope = given instanceof Map ? Object.fromEntries(given) : {};
  try {
    return {
      text: renderTemplate(template, scope, {
        name: 'user_config_template.yaml.j2',
        ...directory === undefined ? {} : {
          includePath: directory,
          include: (name: string) => existsSync(join(directory, name)) ? readFileSync(join(directory, name), 'utf8')
            : undefined,
        },
      }),
    };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const isSyntax = error.kind === 'TemplateSyntaxError' || error.kind === 'TemplateAssertionError';
    return { error: error.kind, message: error.message, line: isSyntax ? error.line ?? null : null };
  }
}

/** All of them in one process. */
export async function renderWithJinja(cases: readonly TemplateCase[]): Promise<Outcome[]> {
  const { python } = await pythonVenv();
  const oracle = spawn(python, ['-W', 'ignore', `${FIXTURES}oracle.py`], { stdio: ['pipe', 'pipe', 'inherit'],
    timeout: ORACLE_MS });
  oracle.stdin.end(JSON.stringify(cases.map(({ template, context, directory }) => ({ template, context, directory }))));
  return JSON.parse(await text(oracle.stdout)) as Outcome[];
}
