import assert from 'node:assert/strict';
import test from 'node:test';
import {
  idleStep, NOT_IDLE, titleOf, type IdleLimits, type IdleStep, type Movement,
} from '../../../src/endpoint/idle.ts';

/** What each heartbeat comes to. */
function beats(limits: IdleLimits, movements: readonly Movement[]): IdleStep[] {
  let state = NOT_IDLE;
  return movements.map((movement) => {
    const [next, step] = idleStep(state, movement, limits);
    state = next;
    return step;
  });
}

const at = (received: number, forwarded: number): Movement => ({ received, forwarded });
const times = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one);

test('without a soft limit it never stops', () => {
  assert.deepEqual(beats({ soft: 0, hard: 3, periodS: 30 }, times(20, at(5, 5))), times(20, { type: 'off' }));
});

test('it stops so many heartbeats after all was done', () => {
  const steps = beats({ soft: 3, hard: 100, periodS: 30 }, [at(2, 0), at(2, 2), at(2, 2), at(2, 2), at(2, 2)]);
  assert.deepEqual(steps, [
    { type: 'active', since: false }, { type: 'active', since: false },
    { type: 'idle', remainingS: 60, first: true }, { type: 'idle', remainingS: 30, first: false },
    { type: 'stop', limit: 'soft' },
  ]);
});

test('by the template\'s limits it stops 300 s after the last result', () => {
  const steps = beats({ soft: 10, hard: 5760, periodS: 30 }, [at(1, 1), ...times(10, at(1, 1))]);
  assert.equal(steps.findIndex(({ type }) => type === 'stop'), 10);
});

test('work puts it back to active', () => {
  const steps = beats({ soft: 3, hard: 100, periodS: 5 }, [at(1, 1), at(1, 1), at(2, 1), at(2, 2), at(2, 2)]);
  assert.deepEqual(steps.map(({ type }) => type), ['active', 'idle', 'active', 'active', 'idle']);
  assert.deepEqual(steps[2], { type: 'active', since: true });
});

test('while a task is open only the hard limit counts, one heartbeat later than it says', () => {
  const steps = beats({ soft: 2, hard: 7, periodS: 30 }, [at(1, 0), ...times(8, at(1, 0))]);
  assert.deepEqual(steps.map(({ type }) => type), [
    'active', 'still', 'still', 'possibly-idle', 'possibly-idle', 'possibly-idle', 'possibly-idle', 'possibly-idle',
    'stop',
  ]);
  assert.deepEqual(steps[3], { type: 'possibly-idle', remainingS: 120, first: true });
  assert.deepEqual(steps.at(-1), { type: 'stop', limit: 'hard' });
});

test('without any task the hard limit counts, which is never below the soft one', () => {
  const steps = beats({ soft: 3, hard: 1, periodS: 30 }, times(5, at(0, 0)));
  assert.deepEqual(steps.map(({ type }) => type), ['still', 'still', 'still', 'possibly-idle', 'stop']);
});

test('the title says how long, as the field words it', () => {
  assert.equal(titleOf({ type: 'idle', remainingS: 270, first: true }), '[idle; shut down in 270s] ');
  assert.equal(titleOf({ type: 'possibly-idle', remainingS: 172_500, first: true }),
    '[possibly idle; shut down in 172,500s] ');
  assert.equal(titleOf({ type: 'still' }), '');
});
