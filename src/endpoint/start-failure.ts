// Why a user endpoint does not start: one ComputeError, with the step at which it ended and what kind of error it is,
// as the one who asked for it is told: [exit code: 77; (ValidationError) 1 is not of type 'string'].

import { ComputeError, type ErrorCode } from '../common/errors.ts';

/** Exit statuses of the steps, as the field's managers number them. */
export const STEPS = {
  /** Nothing that could be started came. */
  information: 1,
  files: 70,
  /** It runs already. */
  instance: 73,
  privileges: 74,
  render: 77,
  directory: 78,
  document: 79,
  log: 83,
} as const;
export type Step = typeof STEPS[keyof typeof STEPS];

export interface StartFailure {
  readonly step: number;
  /** A class of Python's, as the field's users know them. */
  readonly kind: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export function startFailure(step: Step, kind: string, message: string, cause?: unknown): ComputeError {
  const code = step === STEPS.directory || step === STEPS.log ? 'STORAGE_FAILED'
    : step === STEPS.privileges ? 'START_FAILED' : 'CONFIG_INVALID';
  return new ComputeError(code, message, { cause, details: { step, kind } });
}

const KINDS: Readonly<Partial<Record<ErrorCode, string>>> = {
  BROKER_UNREACHABLE: 'ConnectionError', BROKER_REFUSED: 'ConnectionError', STORAGE_FAILED: 'OSError',
  CONFIG_INVALID: 'ValueError',
};

/** `otherwise`: the step of an error that does not say its own. */
export function startFailureOf(error: ComputeError, otherwise: number): StartFailure {
  const { step, kind } = error.details;
  return {
    // 74, an endpoint's status when its disk is full, is the step of privileges that came back.
    step: typeof step === 'number' ? step : error.code === 'STORAGE_FAILED' ? STEPS.log : otherwise,
    kind: typeof kind === 'string' ? kind : KINDS[error.code] ?? 'RuntimeError',
    code: error.code, message: error.message,
  };
}
