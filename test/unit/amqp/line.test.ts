import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Line } from '../../../src/amqp/line.ts';

test('a line gives out what was put in, in order, and what was put back before all of it', () => {
  const moves = fc.array(fc.oneof(
    fc.record({ put: fc.array(fc.integer(), { maxLength: 2_000 }) }), fc.record({ take: fc.nat(2_000) }),
    fc.record({ back: fc.array(fc.integer(), { maxLength: 3 }) }),
  ), { maxLength: 12 });
  fc.assert(fc.property(moves, (all) => {
    const line = new Line<number>();
    let model: number[] = [];
    for (const move of all) {
      if ('put' in move) {
        for (const item of move.put) line.push(item);
        model.push(...move.put);
      } else if ('back' in move) {
        line.putBack(move.back);
        model = [...move.back, ...model];
      } else {
        for (let i = 0; i < move.take; i++) assert.equal(line.shift(), model[i]);
        model = model.slice(move.take);
      }
      assert.deepEqual([line.size, line.first], [model.length, model[0]]);
    }
  }), { numRuns: 50 });
});
