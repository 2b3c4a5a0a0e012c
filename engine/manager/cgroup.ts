// What the process's control groups leave it: time on cores, and memory. Both versions of the kernel's interface, a
// limit anywhere above the process included. Pure; the files are somebody else's to read.

export interface CgroupLimits {
  /** Cores' worth of time; Infinity where there is no quota. */
  readonly cores: number;
  readonly memoryBytes: number;
}

/** `/proc/self/cgroup` and `/proc/self/mountinfo` → the files that may hold a limit. */
export function cgroupFiles(membership: string, mounts: string): string[] {
  const paths = membership.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    return controllers === undefined || path === undefined ? [] : [{ controllers: controllers.split(','), path }];
  });
  return mounts.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , root = '/', mountPoint = ''] = left.split(' ');
    const [type, , options = ''] = right.split(' ');
    if (type === 'cgroup2') return below(mountPoint, root, pathOf(paths, ''), V2_FILES);
    if (type !== 'cgroup') return [];
    const controllers = options.split(',').filter((option) => option in V1_FILES);
    return controllers.flatMap((name) => below(mountPoint, root, pathOf(paths, name), V1_FILES[name] ?? []));
  });
}

const V2_FILES = ['cpu.max', 'memory.max'];
const V1_FILES: Readonly<Record<string, readonly string[]>> = {
  cpu: ['cpu.cfs_quota_us', 'cpu.cfs_period_us'], memory: ['memory.limit_in_bytes'],
};

function pathOf(paths: readonly { controllers: string[]; path: string }[], controller: string): string {
  return paths.find(({ controllers }) => controllers.includes(controller))?.path ?? '/';
}

/** The files of the group and of all groups above it. A group that is not below the mount is seen as its root. */
function below(mountPoint: string, root: string, path: string, files: readonly string[]): string[] {
  const inside = root === '/' || path === root || path.startsWith(`${root}/`);
  const relative = inside ? path.slice(root === '/' ? 0 : root.length) : '';
  const names = relative.split('/').filter((name) => name !== '' && name !== '..');
  return Array.from({ length: names.length + 1 }, (_, depth) => [mountPoint, ...names.slice(0, depth)].join('/'))
    .flatMap((folder) => files.map((file) => `${folder}/${file}`));
}

/** The files' texts, by path → the least of all limits in them. */
export function cgroupLimits(files: ReadonlyMap<string, string>): CgroupLimits {
  let cores = Infinity;
  let memoryBytes = Infinity;
  for (const [path, text] of files) {
    const folder = path.slice(0, path.lastIndexOf('/'));
    switch (path.slice(folder.length + 1)) {
      case 'cpu.max': {
        const [quota = 'max', period = '100000'] = text.trim().split(' ');
        cores = Math.min(cores, quotaOf(quota, period));
        break;
      }
      case 'cpu.cfs_quota_us':
        cores = Math.min(cores, quotaOf(text, files.get(`${folder}/cpu.cfs_period_us`) ?? ''));
        break;
      case 'memory.max':
      case 'memory.limit_in_bytes':
        memoryBytes = Math.min(memoryBytes, positive(text));
        break;
      default:
    }
  }
  return { cores, memoryBytes };
}

function quotaOf(quota: string, period: string): number {
  const cores = positive(quota) / positive(period);
  return Number.isNaN(cores) || cores === 0 ? Infinity : cores; // a period that is not there says nothing
}

/** Infinity for "max", -1 and whatever is no limit. */
function positive(text: string): number {
  const value = Number(text.trim() === '' ? Number.NaN : text);
  return value > 0 ? value : Infinity;
}
