import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderChart } from '../../../bench/chart.ts';
import { FULL, HEAD } from './reports.ts';

/** Fails on a tag that is not closed, or closed by another. */
function assertWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, closing, name, selfClosing] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (closing === '/') assert.equal(open.pop(), name);
    else if (selfClosing !== '/' && name !== undefined) open.push(name);
  }
  assert.deepEqual(open, []);
  assert.doesNotMatch(svg.replaceAll(/&(amp|lt|gt|quot);/g, ''), /&/);
}

function widths(svg: string): number[] {
  return [...svg.matchAll(/<rect x="[\d.]+" y="\d+" width="([\d.]+)" height="18"/g)].map(([, width]) => Number(width));
}

test('the chart is well-formed, whatever the machine is called', () => {
  assertWellFormed(renderChart(FULL));
  assert.match(renderChart(FULL), /Test &lt;CPU&gt; &amp; co/);
});

test('bars of one panel are as long as their values', () => {
  const values = [160_000, 300_000, 500_000, 40_000, 2000];
  const drawn = widths(renderChart(FULL)).slice(0, values.length);
  const longest = Math.max(...drawn);
  for (const [index, width] of drawn.entries()) {
    const expected = longest * (values[index] ?? 0) / 500_000;
    assert.ok(Math.abs(width - expected) < 0.11, `bar ${index} is ${width} wide instead of ${expected}`);
  }
});

test('no bar and no text leaves the picture', () => {
  const svg = renderChart(FULL);
  const height = Number(/height="(\d+)"/.exec(svg)?.[1]);
  const bottoms = [...svg.matchAll(/ y="(\d+)"/g)].map(([, y]) => Number(y));
  assert.ok(bottoms.length > 20 && bottoms.every((y) => y <= height));
});

test('what was not measured is not drawn', () => {
  assert.deepEqual(widths(renderChart(HEAD)), []);
  assert.equal(widths(renderChart({ ...HEAD, cold_start_s: 1 })).length, 1);
});
