import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coresOfSlots } from '../../../../engine/manager/affinity.ts';
import { acceleratorsOf, offerOf, type NodeOffer, type NodeSources } from '../../../../engine/manager/node-offer.ts';

/** A node of 64 cores and 256 GiB, all free. */
const offer = (
  environment: NodeSources['environment'] = {}, files: Record<string, string> = {}, nvidiaDevices = 0,
): NodeOffer => offerOf({
  node: 'n1.site.org', environment, nvidiaDevices,
  files: new Map(Object.entries({
    '/proc/self/status': 'Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t0-63\n',
    '/proc/meminfo': 'MemTotal:       274877906944 kB\nMemAvailable:   268435456 kB\n', ...files,
  })),
});

const SLURM = { SLURM_JOB_ID: '7', SLURMD_NODENAME: 'n1' };

const CORES: [what: string, NodeOffer, cores: number, from: RegExp][] = [
  ['all that the kernel allows', offer(), 64, /may use/],
  ['a cpuset', offer({}, { '/proc/self/status': 'Cpus_allowed_list:\t4-7\n' }), 4, /may use/],
  ['a quota', offer({}, { '/sys/fs/cgroup/job/cpu.max': '1650000 100000' }), 16, /quota/],
  ['less than a core is one', offer({}, { '/sys/fs/cgroup/job/cpu.max': '50000 100000' }), 1, /quota/],
  ['Slurm\'s word', offer({ ...SLURM, SLURM_CPUS_ON_NODE: '8' }), 8, /SLURM_CPUS_ON_NODE/],
  ['Slurm gives more than the cpuset', offer({ ...SLURM, SLURM_CPUS_ON_NODE: '128' }), 64, /may use/],
  ['Slurm\'s word on another node, where all have the same', offer({
    ...SLURM, SLURMD_NODENAME: 'n0', SLURM_CPUS_ON_NODE: '8', SLURM_JOB_CPUS_PER_NODE: '16(x2)',
  }), 16, /SLURM_JOB_CPUS_PER_NODE/],
  ['Slurm\'s word on another node, where they differ', offer({
    ...SLURM, SLURMD_NODENAME: 'n0', SLURM_CPUS_ON_NODE: '8', SLURM_JOB_CPUS_PER_NODE: '8,16(x2)',
  }), 64, /may use/],
  ['a shell of salloc on a login node', offer({ SLURM_JOB_ID: '7', SLURM_CPUS_ON_NODE: '8' }), 64, /may use/],
  ['PBS', offer({ PBS_JOBID: '4.head', NCPUS: '12' }), 12, /NCPUS/],
  ['NCPUS outside of PBS', offer({ NCPUS: '12' }), 64, /may use/],
  ['Torque, by node', offer({ PBS_JOBID: '4.head', PBS_NUM_PPN: '6' }), 6, /PBS_NUM_PPN/],
  ['Torque, in all', offer({ PBS_JOBID: '4.head', PBS_NP: '20', PBS_NUM_NODES: '4' }), 5, /PBS_NP/],
  ['PBS without a number of nodes', offer({ PBS_JOBID: '4.head', PBS_NP: '20' }), 64, /may use/],
  ['what the provider asked for', offer({ PARSL_CORES: '32' }), 32, /PARSL_CORES/],
  ['the least of all', offer({ ...SLURM, SLURM_CPUS_ON_NODE: '8', PARSL_CORES: '32' },
    { '/c/cpu.max': '400000 100000' }), 4, /quota/],
  ['words that are no numbers', offer({ ...SLURM, SLURM_CPUS_ON_NODE: 'many', PARSL_CORES: '' }), 64, /may use/],
];

for (const [what, { cores, coresFrom }, expected, from] of CORES) {
  test(`cores of a node: ${what}`, () => {
    assert.equal(cores, expected);
    assert.match(coresFrom, from);
  });
}

const MEMORY: [what: string, NodeOffer, gib: number, from: string][] = [
  ['what is free', offer(), 256, 'free'],
  ['a cgroup\'s limit', offer({}, { '/c/memory.max': String(8 * 1024 ** 3) }), 8, 'by the cgroup\'s limit'],
  ['no limit of the cgroup', offer({}, { '/c/memory.limit_in_bytes': '9223372036854771712' }), 256, 'free'],
  ['Slurm\'s word', offer({ ...SLURM, SLURM_MEM_PER_NODE: '16384' }), 16, 'SLURM_MEM_PER_NODE'],
  ['Slurm gives the whole node', offer({ ...SLURM, SLURM_MEM_PER_NODE: '0' }), 256, 'free'],
  ['Slurm\'s word by CPU', offer({ ...SLURM, SLURM_CPUS_ON_NODE: '4', SLURM_MEM_PER_CPU: '2048' }), 8,
    'SLURM_MEM_PER_CPU'],
  ['what the provider asked for', offer({ PARSL_MEMORY_GB: '64' }), 64, 'PARSL_MEMORY_GB'],
];

for (const [what, { memoryGiB, memoryFrom }, expected, from] of MEMORY) {
  test(`memory of a node: ${what}`, () => assert.deepEqual([memoryGiB, memoryFrom], [expected, from]));
}

test('workers are bound to cores that the job has, whichever they are', () => {
  const { allowed } = offer({}, { '/proc/self/status': 'Cpus_allowed_list:\t4-7\n' });
  assert.deepEqual(coresOfSlots('block', 2, allowed), [[4, 5], [6, 7]]);
  assert.deepEqual(coresOfSlots('block-reverse', 2, allowed), [[7, 6], [5, 4]]);
  assert.deepEqual(coresOfSlots('alternating', 2, allowed), [[4, 6], [5, 7]]);
  assert.throws(() => coresOfSlots('list:0:1', 2, allowed), { code: 'CONFIG_INVALID' });
});

test('the devices that the job may use are those that the scheduler names, or counts, or the kernel has', () => {
  assert.deepEqual(offer({ CUDA_VISIBLE_DEVICES: '2,3' }, {}, 8).devices, ['2', '3']);
  assert.deepEqual(offer({ ROCR_VISIBLE_DEVICES: '5' }).devices, ['5']);
  assert.deepEqual(offer({ ZE_AFFINITY_MASK: '0.0,0.1' }).devices, ['0.0', '0.1']);
  assert.deepEqual(offer({ SLURM_GPUS_ON_NODE: '2' }, {}, 8).devices, ['0', '1']);
  assert.deepEqual(offer({}, {}, 2).devices, ['0', '1']);
  assert.deepEqual(offer({ CUDA_VISIBLE_DEVICES: 'NoDevFiles' }, {}, 2).devices, []);
  assert.equal(offer().devices, undefined);
});

const ACCELERATORS: [what: string, names: string[], devices: string[] | undefined, shown: string[]][] = [
  ['a number, and nobody restricts', ['0', '1'], undefined, ['0', '1']],
  ['a number of those that the scheduler gave', ['0', '1'], ['6', '7'], ['6', '7']],
  ['fewer than there are', ['0'], ['6', '7'], ['6']],
  ['as many again: two workers share each', ['0', '1', '2', '3'], ['6', '7'], ['6', '6', '7', '7']],
  ['one more: the first share', ['0', '1', '2'], ['6', '7'], ['6', '6', '7']],
  ['names stay as they are', ['GPU-a', 'GPU-b'], ['6', '7'], ['GPU-a', 'GPU-b']],
  ['several devices a worker', ['0,1', '2,3'], ['0', '1', '2', '3'], ['0,1', '2,3']],
  ['none', [], ['6'], []],
];

for (const [what, names, devices, shown] of ACCELERATORS) {
  test(`accelerators shown to workers: ${what}`, () => assert.deepEqual(acceleratorsOf(names, devices), shown));
}
