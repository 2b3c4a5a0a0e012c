import { ComputeError } from '../common/errors.ts';

/** Why the queue is refused, for a person. */
export function refusal(error: ComputeError): ComputeError {
  const said: string[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) said.push(cause.message);
  const text = said.join('\n');
  if (text.includes('exclusive')) {
    return new ComputeError('BROKER_REFUSED', 'another instance of this endpoint takes its tasks, perhaps on another '
      + 'machine: stop that one first', { cause: error, details: { reason: 'in-use' } });
  }
  if (text.includes('NOT_FOUND')) {
    return new ComputeError('BROKER_REFUSED', 'the broker has no queue of this endpoint any more: was it deleted? '
      + 'Start it anew to register it', { cause: error, details: { reason: 'gone' } });
  }
  return error;
}
