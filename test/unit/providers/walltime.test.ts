import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatWalltime, parseWalltime } from '../../../providers/walltime.ts';

const forms: readonly (readonly [unknown, number])[] = [
  ['01:30:00', 5400], ['00:30:00', 1800], ['1:00:00', 3600], [3600, 3600], ['3600', 3600], ['48:00:00', 172_800],
  ['2-00:00:00', 172_800], ['1-12:30', 131_400], ['01:30', 5400], ['00:00:01', 1], [' 00:10:00 ', 600], [0.5 + 1, 2],
  ['1-12', 129_600], ['2-0', 172_800], ['100:00:00', 360_000], ['1h30m', 5400], ['1h 30min', 5400], ['90m', 5400],
  ['2d', 172_800], ['45s', 45], ['PT1H30M', 5400], ['P1DT12H', 129_600],
];
for (const [written, seconds] of forms) {
  test(`walltime ${JSON.stringify(written)} is ${seconds} s`, () => {
    assert.equal(parseWalltime(written), seconds);
  });
}

const wrongs = [
  '', 'soon', '1:60:00', '00:00:00', 0, -5, 1e12, Number.NaN, null, true, 'P', 'h', '1m1h', '1-60:00:61', 'UNLIMITED',
  '-1:00', {},
];
for (const wrong of wrongs) {
  test(`walltime ${JSON.stringify(wrong)} is refused`, () => {
    assert.throws(() => parseWalltime(wrong, 'engine.provider.walltime'), {
      code: 'CONFIG_INVALID', message: /^engine\.provider\.walltime: [^\n]+$/,
    });
  });
}

test('seconds are written as HH:MM:SS, and read back the same', () => {
  assert.equal(formatWalltime(5400), '01:30:00');
  assert.equal(formatWalltime(172_800), '48:00:00');
  for (const seconds of [1, 59, 60, 3599, 3600, 360_001]) assert.equal(parseWalltime(formatWalltime(seconds)), seconds);
});
