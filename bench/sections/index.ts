import type { Section, SectionName } from '../section.ts';
import { coldStart } from './cold-start.ts';
import { endpoint } from './endpoint.ts';
import { latency } from './latency.ts';
import { limits } from './limits.ts';
import { memory } from './memory.ts';
import { noOp } from './no-op.ts';
import { multiUser } from './multi-user.ts';
import { payload } from './payload.ts';
import { nodeHours } from './node-hours.ts';
import { peers } from './peers.ts';
import { python } from './python.ts';
import { scaleOut } from './scale-out.ts';
import { service } from './service.ts';
import { slurm } from './slurm.ts';
import { throughput } from './throughput.ts';
import { zeroWorker } from './zero-worker.ts';

export const SECTIONS: Readonly<Record<SectionName, Section>> = {
  limits,
  no_op: noOp,
  latency,
  payload,
  zero_worker: zeroWorker,
  throughput,
  scale_out: scaleOut,
  memory,
  cold_start: coldStart,
  node_hours: nodeHours,
  slurm,
  python,
  service,
  endpoint,
  multi_user: multiUser,
  peers,
};
