// The site files of docs/sites, read with values in their places, and the scripts that they make.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { contained } from '../engine/containers.ts';
import { buildProvider } from '../providers/index.ts';
import { parseYaml } from '../src/common/yaml.ts';
import { parseEndpointConfig, type EndpointConfig } from '../src/endpoint/config.ts';
import { FakeClock } from './fakes/clock.ts';

const FILES = new URL('../../docs/sites/', import.meta.url);
export const SITES: readonly string[] = readdirSync(FILES).map((file) => file.replace('.yaml.j2', '')).sort();

/** What users and administrators may give; OPTIONS is what each site's scheduler reads. */
const VALUES: Readonly<Record<string, string | number>> = {
  ACCOUNT: 'abc123', ACCOUNT_NAME: 'abc-delta', ACCOUNT_ID: '314159265', FRONTERA_ACCOUNT: 'EAR22001',
  NERSC_ACCOUNT: 'm0000', POLARIS_ACCOUNT: 'Project', TACC_ALLOCATION: 'EAR22001', PARTITION: 'part', SECRET: '',
  COMMAND: 'module load python; source activate "my env"',
  OPTIONS: '#SBATCH --constraint=cpu\n#SBATCH --mail-type=NONE',
  CONTAINER_URI: '/project/images/python.sif', TOTAL_WORKERS: 4, WORKERS_PER_NODE: 2, GPUS_PER_WORKER: 2,
  GPU_MAP: '1,2,3,4', NAMESPACE: 'default', IMAGE: 'python:3.12-bookworm', PROJECT_NAME: 'MyProject',
  APPTAINER_IMAGE_PATH: 'osdf:///ospool/x.sif',
};
const RUN = '/home/user/.switchyard/endpoints/uep/runs/r';
const PREMISES = {
  folder: RUN, workingDirectory: '/home/user', node: '/opt/node/bin/node', packageDirectory: '/opt/switchyard/',
};

/** What a template engine makes of these files, which use no more than this of it. */
function render(template: string): string {
  return template.replace(/\{\{ (\w+)(?:\|default\(([^)]*)\))? \}\}/g, (_, name: string, fallback?: string) => {
    const value = VALUES[name];
    if (value !== undefined) return JSON.stringify(value);
    assert.notEqual(fallback, undefined, `${name} has a value`);
    return fallback?.replaceAll('"', '') ?? '';
  });
}

/** What is in its file, with values in the places. */
export function siteDocument(name: string): unknown {
  const file = `${name}.yaml.j2`;
  return parseYaml(render(readFileSync(new URL(file, FILES), 'utf8')), file);
}

export function readSite(name: string): EndpointConfig {
  return parseEndpointConfig(siteDocument(name), 4);
}

export function scriptOf({ engine }: EndpointConfig): string {
  const provider = buildProvider(engine.provider, { directory: RUN, clock: new FakeClock() });
  const folder = `${RUN}/blocks/0`;
  const command = contained(engine.container, `bash ${folder}/manager.sh`, PREMISES, `${RUN}/tasks`);
  const { submit = '', script = '' } = provider.preview?.({ name: `${engine.label}-0`, command, folder }) ?? {};
  return `# ${submit}\n${script}`;
}
