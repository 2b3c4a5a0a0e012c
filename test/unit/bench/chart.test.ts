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
  const [ours, alone, zmq, piscina, parsl] = widths(renderChart(FULL));
  assert.ok(ours !== undefined && alone !== undefined && zmq !== undefined && piscina !== undefined && parsl !== undefined);
  const perTask = zmq / 500_000;
  for (const [width, value] of [[ours, 160_000], [alone, 300_000], [piscina, 40_000], [parsl, 2000]] as const) {
    assert.ok(Math.abs(width - value * perTask) < 0.11, `${value} is ${width} wide`);
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
