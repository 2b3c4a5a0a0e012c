// The configuration that a new endpoint starts from. Every key that is commented out shows its default, or what a site
// would write.

export const CONFIG_TEMPLATE = `# What this endpoint is, and where its tasks run. Read by \`switchyard endpoint start\`.

# How users see it. Without one, they see the name of this folder.
display_name: null

engine:
  type: GlobusComputeEngine

  # Workers on each node: as many as its cores and memory allow. A worker runs one task at a time.
  # max_workers_per_node: 4
  # cores_per_worker: 1
  # mem_per_worker: 4                # GB

  # Workers on this machine, of which a login node has few to spare.
  provider:
    type: LocalProvider
    init_blocks: 1
    min_blocks: 0
    max_blocks: 1
    # worker_init: |                 # shell text that comes before the workers start
    #   source ~/venv/bin/activate   # the Python that runs tasks: its major and minor version should be its users'

  # Blocks of nodes from Slurm, instead:
  # strategy: htex_auto_scale
  # provider:
  #   type: SlurmProvider
  #   partition: debug               # sinfo lists them
  #   account: my-project
  #   walltime: "01:00:00"
  #   nodes_per_block: 1
  #   init_blocks: 0                 # nothing is asked for before there are tasks
  #   min_blocks: 0
  #   max_blocks: 4
  #   worker_init: |
  #     module load python nodejs
  #   launcher: {type: SingleNodeLauncher}    # SrunLauncher, for several nodes a block

  # ... or from PBS Professional:
  # provider:
  #   type: PBSProProvider
  #   queue: debug                   # qstat -q lists them
  #   account: my-project
  #   walltime: "01:00:00"
  #   nodes_per_block: 2
  #   cpus_per_node: 64
  #   init_blocks: 0
  #   min_blocks: 0
  #   max_blocks: 4
  #   worker_init: |
  #     module load python nodejs
  #   launcher: {type: MpiExecLauncher}

# Only these registered functions may run here.
# allowed_functions:
#   - 12345678-1234-1234-1234-123456789abc

# Heartbeats without a task, and without anything to do, after which the endpoint ends by itself. 0: never.
# idle_heartbeats_soft: 0
# heartbeat_period: 30               # seconds

# Where outgoing connections to the broker's own port are closed.
# amqp_port: 443
`;
