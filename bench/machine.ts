import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem } from 'node:os';

/** What a figure depends on besides the code. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory_gib: number;
  readonly os: string;
  readonly node: string;
  /** One-minute load average before the first and after the last section: what else ran on the machine. */
  readonly load_before: number;
  load_after: number;
  readonly versions: Readonly<Record<string, string>>;
}

export function describeMachine(): Machine {
  const [first] = cpus();
  const load = loadOneMinute();
  return {
    cpu: first?.model ?? 'unknown',
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    os: `${systemName()}, kernel ${release()}`,
    node: process.versions.node,
    load_before: load,
    load_after: load,
    versions: { zeromq: versionOf('zeromq'), piscina: versionOf('piscina'), msgpackr: versionOf('msgpackr') },
  };
}

export function loadOneMinute(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

function systemName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
  } catch {
    return process.platform; // a minimal image without os-release
  }
}

/** From the package's own folder, as not every package exports its package.json. */
function versionOf(name: string): string {
  const entry = createRequire(import.meta.url).resolve(name);
  const folder = entry.slice(0, entry.lastIndexOf(`/node_modules/${name}/`) + `/node_modules/${name}/`.length);
  const manifest = JSON.parse(readFileSync(`${folder}package.json`, 'utf8')) as { version?: unknown };
  return String(manifest.version);
}
