import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEngineConfig } from '../../../engine/config.ts';
import { footprintOf } from '../../../engine/footprint.ts';
import { ComputeError } from '../../../src/common/errors.ts';
import type { ResourceSpecification } from '../../../src/common/protocol.ts';

const GPUS = { max_workers_per_node: 4, cores_per_worker: 2, mem_per_worker: 8, available_accelerators: 4 };

function widthOf(engine: object, asked: ResourceSpecification): number {
  return footprintOf(parseEngineConfig(engine), asked)?.width ?? 1;
}

function problemOf(engine: object, asked: ResourceSpecification): string {
  try {
    return `width ${widthOf(engine, asked)}`;
  } catch (error) {
    assert.ok(error instanceof ComputeError);
    return `${error.code}: ${error.message}`;
  }
}

const WIDTHS: [ResourceSpecification, number][] = [
  [{}, 1], [{ cores: 0 }, 1], [{ cores: 1 }, 1], [{ cores: 2 }, 1], [{ cores: 2.5 }, 2], [{ cores: 4 }, 2],
  [{ memory: 8 }, 1], [{ memory: 8.1 }, 2], [{ gpus: 1 }, 1], [{ gpus: 3 }, 3],
  [{ cores: 4, memory: 20, gpus: 1 }, 3], [{ cores: 8, gpus: 4 }, 4],
];
for (const [asked, width] of WIDTHS) {
  test(`workers of 2 cores, 8 GiB and one device each for ${JSON.stringify(asked)}: ${width}`, () => {
    assert.equal(widthOf(GPUS, asked), width);
  });
}

test('fractions of a core add up', () => {
  assert.equal(widthOf({ cores_per_worker: 0.1 }, { cores: 0.3 }), 3);
  const pairs = { available_accelerators: ['0,1', '2,3'] };
  assert.equal(widthOf(pairs, { gpus: 2 }), 1, 'a worker may have several devices');
  assert.equal(widthOf(pairs, { gpus: 3 }), 2);
});

const REFUSED: [string, object, ResourceSpecification, string][] = [
  ['more devices than there are', GPUS, { gpus: 5 },
    'TASK_TOO_LARGE: the task asks for gpus 5, and available_accelerators names 4'],
  ['devices where there are none', {}, { gpus: 1 },
    'TASK_TOO_LARGE: the task asks for gpus 1, and available_accelerators names none'],
  ['more cores than all workers of a node have', GPUS, { cores: 9 },
    'TASK_TOO_LARGE: the task asks for cores 9, which is what 5 workers have, and max_workers_per_node is 4: raise it,'
    + ' or what one worker has (cores_per_worker, mem_per_worker)'],
  ['more workers than devices', { available_accelerators: 2 }, { cores: 3 },
    'TASK_TOO_LARGE: the task asks for cores 3, which is what 3 workers have, and a node has one for each of its 2'
    + ' available_accelerators: raise what one worker has (cores_per_worker, mem_per_worker)'],
  ['memory that nobody counts', {}, { memory: 1 },
    'CONFIG_INVALID: the task asks for memory 1, and nothing says how much a worker has: set mem_per_worker'],
  ['half a device', GPUS, { gpus: 0.5 }, 'CONFIG_INVALID: the task asks for gpus 0.5, and a worker has whole ones'],
  ['devices that workers share', { available_accelerators: ['0', '0', '1', '1'] }, { gpus: 2 },
    'CONFIG_INVALID: the task asks for gpus 2, and available_accelerators names one more than once: workers that share'
    + ' a device cannot add theirs up'],
  ['nodes in an ordinary engine', {}, { num_nodes: 2 },
    'CONFIG_INVALID: num_nodes is for an engine of type GlobusMPIEngine; this one has cores, memory and gpus'],
];
for (const [what, engine, asked, problem] of REFUSED) {
  test(`refused: ${what}`, () => assert.equal(problemOf(engine, asked), problem));
}

const MPI = { type: 'GlobusMPIEngine', provider: { nodes_per_block: 4 } };
const RANKS: [ResourceSpecification, nodes: number, perNode: number, ranks: number][] = [
  [{ num_nodes: 3 }, 3, 1, 3], [{ ranks_per_node: 5 }, 1, 5, 5], [{ num_ranks: 6 }, 1, 6, 6],
  [{ num_nodes: 3, ranks_per_node: 5 }, 3, 5, 15], [{ num_nodes: 2, num_ranks: 6 }, 2, 3, 6],
  [{ ranks_per_node: 2, num_ranks: 8 }, 4, 2, 8], [{ num_nodes: 2, ranks_per_node: 2, num_ranks: 4 }, 2, 2, 4],
  [{ launcher_options: '--mpi=pmix' }, 1, 1, 1],
];
for (const [asked, num_nodes, ranks_per_node, num_ranks] of RANKS) {
  test(`${JSON.stringify(asked)}: two numbers imply the third, and none is ever missing`, () => {
    assert.deepEqual(footprintOf(parseEngineConfig(MPI), asked), {
      width: num_nodes,
      asked: {
        num_nodes, ranks_per_node, num_ranks,
        ...(asked.launcher_options === undefined ? {} : { launcher_options: asked.launcher_options }),
      },
    });
  });
}

const WRONG_RANKS: [ResourceSpecification, string][] = [
  [{}, 'CONFIG_INVALID: MPI mode requires a resource specification: give num_nodes, ranks_per_node or num_ranks'],
  [{ num_nodes: 5 },
    'TASK_TOO_LARGE: the task asks for num_nodes 5, and nodes_per_block is 4: a task cannot span blocks'],
  [{ ranks_per_node: 2, num_ranks: 10 }, 'TASK_TOO_LARGE: the task asks for ranks_per_node 2, num_ranks 10, and'
    + ' nodes_per_block is 4: a task cannot span blocks'],
  [{ num_nodes: 2, num_ranks: 5 }, 'CONFIG_INVALID: num_nodes 2, num_ranks 5: the ranks do not divide evenly'],
  [{ num_nodes: 2, ranks_per_node: 2, num_ranks: 5 }, 'CONFIG_INVALID: num_nodes 2, ranks_per_node 2, num_ranks 5:'
    + ' num_ranks must be num_nodes × ranks_per_node, which is 4'],
  [{ num_nodes: 0 }, 'CONFIG_INVALID: num_nodes is 0: it is a whole number from 1'],
  [{ num_nodes: 1.5 }, 'CONFIG_INVALID: num_nodes is 1.5: it is a whole number from 1'],
  [{ num_nodes: 1, cores: 2 }, 'CONFIG_INVALID: cores is not for this engine: a task of GlobusMPIEngine takes whole'
    + ' nodes, num_nodes of them'],
];
for (const [asked, problem] of WRONG_RANKS) {
  test(`an MPI task that asks for ${JSON.stringify(asked)} is refused`, () => {
    assert.equal(problemOf(MPI, asked), problem);
  });
}
