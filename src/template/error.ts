// What goes wrong in a template: an error of Jinja2's or Python's, by the name of its class, or a refusal of ours.

/** Python's class, or one of two of ours: what we do not do is *refused*, and what takes too much is a *limit*. */
export type ErrorKind =
  | 'TemplateSyntaxError' | 'TemplateAssertionError' | 'TemplateRuntimeError' | 'TemplateNotFound'
  | 'TemplatesNotFound' | 'UndefinedError' | 'SecurityError' | 'FilterArgumentError' | 'TypeError' | 'ValueError'
  | 'KeyError' | 'IndexError' | 'AttributeError' | 'ZeroDivisionError' | 'OverflowError' | 'RecursionError'
  | 'RuntimeError' | 'AssertionError' | 'TemplateRefused' | 'TemplateLimitReached';

export class TemplateError extends Error {
  /** Line of the template `file`, where it is known. */
  line: number | undefined;
  file: string | undefined;

  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, line?: number) {
    super(message);
    this.kind = kind;
    this.name = kind;
    this.line = line;
  }
}

/** The message is Jinja2's or Python's own sentence. */
export function raise(kind: ErrorKind, message: string, line?: number): never {
  throw new TemplateError(kind, message, line);
}

/** For what Jinja2 does and we do not: rather no answer than another one. */
export function refuse(what: string, instead: string, line?: number): never {
  throw new TemplateError('TemplateRefused', `${what} is not supported here: ${instead}`, line);
}

export function isRaised(error: unknown, ...kinds: readonly ErrorKind[]): error is TemplateError {
  return error instanceof TemplateError && kinds.includes(error.kind);
}
