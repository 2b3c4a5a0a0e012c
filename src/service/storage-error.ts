import { ComputeError } from '../common/errors.ts';

/** PostgreSQL's class 53: out of disk, memory, connections; 53100 is the disk. */
const DISK_FULL = '53100';

/** A failure of the database → STORAGE_FAILED; `details.reason` 'full' when there is no room, `state` its SQLSTATE. */
export function storageError(cause: unknown): ComputeError {
  if (cause instanceof ComputeError) return cause;
  const { code: state, message = '' } = (cause ?? {}) as { code?: unknown; message?: string };
  const full = state === DISK_FULL || state === 'ENOSPC' || /No space left on device/.test(message);
  return full ? storageFull(cause) : new ComputeError('STORAGE_FAILED', 'the database failed',
    { cause, details: typeof state === 'string' ? { state } : {} });
}

export function storageFull(cause?: unknown): ComputeError {
  return new ComputeError('STORAGE_FAILED', 'the database has no room left', { cause, details: { reason: 'full' } });
}

export function isFull(error: unknown): boolean {
  return error instanceof ComputeError && error.details['reason'] === 'full';
}
