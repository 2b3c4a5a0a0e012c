import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupFiles, cgroupLimits } from '../../../../engine/manager/cgroup.ts';

const limits = (files: Record<string, string>): { cores: number; memoryBytes: number } =>
  cgroupLimits(new Map(Object.entries(files)));

test('version 2: the group and all above it, below where it is mounted', () => {
  const mounts = '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n'
    + '31 23 0:5 / /dev rw - devtmpfs devtmpfs rw';
  assert.deepEqual(cgroupFiles('0::/system.slice/slurmstepd.scope/job_7\n', mounts), [
    '/sys/fs/cgroup/cpu.max', '/sys/fs/cgroup/memory.max',
    '/sys/fs/cgroup/system.slice/cpu.max', '/sys/fs/cgroup/system.slice/memory.max',
    '/sys/fs/cgroup/system.slice/slurmstepd.scope/cpu.max', '/sys/fs/cgroup/system.slice/slurmstepd.scope/memory.max',
    '/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/cpu.max',
    '/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/memory.max',
  ]);
});

test('version 1: each controller has a tree of its own', () => {
  const membership = '4:memory:/slurm/uid_1000/job_7\n2:cpu,cpuacct:/\n1:name=systemd:/x\n0::/\n';
  const mounts = '33 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n'
    + '36 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n'
    + '37 31 0:33 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer';
  assert.deepEqual(cgroupFiles(membership, mounts), [
    '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us', '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes', '/sys/fs/cgroup/memory/slurm/memory.limit_in_bytes',
    '/sys/fs/cgroup/memory/slurm/uid_1000/memory.limit_in_bytes',
    '/sys/fs/cgroup/memory/slurm/uid_1000/job_7/memory.limit_in_bytes',
  ]);
});

test('in a container the mount shows the container\'s own group, or nothing of where it is', () => {
  const mounts = '30 23 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw';
  assert.deepEqual(cgroupFiles('0::/docker/abc/task', mounts).filter((path) => path.endsWith('cpu.max')),
    ['/sys/fs/cgroup/cpu.max', '/sys/fs/cgroup/task/cpu.max']);
  assert.deepEqual(cgroupFiles('0::/docker/abcd/task', mounts).filter((path) => path.endsWith('cpu.max')),
    ['/sys/fs/cgroup/cpu.max']);
  assert.deepEqual(cgroupFiles('', ''), []);
});

test('the least limit of all levels counts, and what is no limit does not', () => {
  assert.deepEqual(limits({
    '/c/cpu.max': 'max 100000\n', '/c/memory.max': 'max\n', '/c/a/cpu.max': '400000 100000\n',
    '/c/a/memory.max': '8589934592\n', '/c/a/b/cpu.max': '50000 20000\n', '/c/a/b/memory.max': '17179869184\n',
  }), { cores: 2.5, memoryBytes: 8 * 1024 ** 3 });
  assert.deepEqual(limits({
    '/cpu/cpu.cfs_quota_us': '-1\n', '/cpu/cpu.cfs_period_us': '100000\n',
    '/cpu/a/cpu.cfs_quota_us': '300000\n', '/cpu/a/cpu.cfs_period_us': '100000\n',
    '/memory/memory.limit_in_bytes': '9223372036854771712\n',
  }), { cores: 3, memoryBytes: 9_223_372_036_854_771_712 });
  assert.deepEqual(limits({}), { cores: Infinity, memoryBytes: Infinity });
  assert.deepEqual(limits({ '/c/cpu.max': '', '/c/a/cpu.cfs_quota_us': '5000', '/x/memory.max': 'nonsense' }),
    { cores: Infinity, memoryBytes: Infinity });
});
