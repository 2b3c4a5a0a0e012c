# The files that a cluster's daemons read. Sourced after cluster.sh.
# shellcheck shell=bash disable=SC2154

slurm_conf() {
  local i storage=none
  [ "$accounting" = 0 ] || storage=slurmdbd
  cat << CONF
ClusterName=switchyard
SlurmctldHost=$(hostname --short)($head_address)
SlurmctldPort=$port
SlurmUser=slurm
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$root/munge-run/socket
StateSaveLocation=$root/state
SlurmdSpoolDir=$root/spool/%n
SlurmctldPidFile=$run/slurmctld.pid
SlurmdPidFile=$run/slurmd-%n.pid
SlurmctldLogFile=$log/slurmctld.log
SlurmdLogFile=$log/slurmd-%n.log
MailProg=/bin/true
# No control groups: a container often may not use them.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog=$etc/task-prolog
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
PropagateResourceLimits=NONE
MpiDefault=pmi2
# The nodes are said to be what they are not: each has all of this machine.
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=100
GresTypes=gpu
# Decide at once.
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0,bf_interval=1,bf_continue,bf_resolution=60
PriorityType=priority/basic
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
EnforcePartLimits=ALL
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout=$node_timeout
TCPTimeout=2
MessageTimeout=5
BatchStartTimeout=10
KillWait=2
CompleteWait=0
Waittime=0
MinJobAge=$min_job_age
UnkillableStepTimeout=15
JobRequeue=1
AccountingStorageType=accounting_storage/$storage
CONF
  if [ "$accounting" = 1 ]; then
    cat << CONF
AccountingStorageHost=$head_address
AccountingStoragePort=$((port + 2))
AccountingStoragePass=$root/munge-run/socket
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations,limits,qos
CONF
  fi
  for ((i = 1; i <= nodes; i++)); do
    printf 'NodeName=n%d NodeHostname=n%d NodeAddr=%s Port=%d CPUs=%d RealMemory=%d Gres=gpu:1 State=UNKNOWN\n' \
      "$i" "$i" "$subnet.$i" $((port + 10 + i)) "$cpus" "$memory"
  done
  cat << CONF
PartitionName=debug Nodes=ALL Default=YES MaxTime=30 DefaultTime=5 PriorityTier=10 PreemptMode=OFF State=UP
PartitionName=long Nodes=ALL MaxTime=08:00:00 DefaultTime=30 PriorityTier=10 PreemptMode=OFF State=UP
PartitionName=preempt Nodes=ALL MaxTime=08:00:00 DefaultTime=30 PriorityTier=1 PreemptMode=CANCEL State=UP
PartitionName=requeue Nodes=ALL MaxTime=08:00:00 DefaultTime=30 PriorityTier=1 PreemptMode=REQUEUE State=UP
CONF
  printf '%s' "$extra"
}

hosts_file() {
  local i name
  name=$(hostname --short)
  if [ -n "$network" ]; then printf '127.0.0.1 localhost\n%s %s\n' "$head_address" "$name"
  else printf '127.0.0.1 localhost %s\n' "$name"; fi
  printf '::1 localhost ip6-localhost ip6-loopback\n'
  for ((i = 1; i <= nodes; i++)); do printf '%s n%d\n' "$subnet.$i" "$i"; done
}

# The nodes share one kernel: UCX (MPICH) and Open MPI must not look for one another in shared memory.
task_prolog() {
  local device=lo
  [ -z "$network" ] || device=eth0
  cat << PROLOG
#!/bin/sh
say() { eval "[ -n \"\\\${\$1:-}\" ]" || echo "export \$1=\$2"; }
say UCX_TLS self,tcp
say UCX_NET_DEVICES $device
say OMPI_MCA_btl_tcp_if_include $device
say OMPI_MCA_oob_tcp_if_include $device
PROLOG
}

write_config() {
  local i
  slurm_conf > "$etc/slurm.conf"
  # Slurm sets CUDA_VISIBLE_DEVICES for a device file only; this one is on every machine.
  for ((i = 1; i <= nodes; i++)); do printf 'NodeName=n%d Name=gpu File=/dev/zero\n' "$i"; done > "$etc/gres.conf"
  hosts_file > "$etc/hosts"
  printf '# none\n' > "$etc/plugstack.conf"
  # A node's own: two nodes on one /tmp would meet in one folder of PMIx.
  printf 'PMIxCliTmpDirBase=/dev/shm\n' > "$etc/mpi.conf"
  task_prolog > "$etc/task-prolog"
  chmod 755 "$etc/task-prolog"
  chmod 644 "$etc"/*.conf "$etc/hosts"
}
