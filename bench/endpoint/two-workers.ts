/** What endpoints are configured as, ours and the agent's, word for word: two workers that stay. */
export const TWO_WORKERS = `
idle_heartbeats_soft: 0
engine:
  type: GlobusComputeEngine
  max_workers_per_node: 2
  cores_per_worker: 0.1
  address: 127.0.0.1
  provider:
    type: LocalProvider
    init_blocks: 1
    min_blocks: 1
    max_blocks: 1
`;
