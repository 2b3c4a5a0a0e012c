# What the scripts of this folder share; sourced. A cluster is a folder with the marker file. Every daemon of it is
# known by its pid and the time that process started, so nothing but a cluster's own processes is ever signalled.
# shellcheck shell=bash disable=SC2034

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
readonly MARKER=.switchyard-slurm
readonly CLAIMS=/run/lock/switchyard-slurm

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Prints the comment at the top of a script.
usage() {
  sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
  exit 0
}

need_root() {
  [ "$(id -u)" = 0 ] || die 'needs root: daemons of several users and namespaces are started'
}

# COMMAND PACKAGE...: what a command is missing for, in Debian's names
need() {
  command -v "$1" > /dev/null || die "$1 is missing; on Debian: apt-get install --no-install-recommends ${*:2}"
}

now_ms() { date +%s%3N; }

# SECONDS COMMAND...: until COMMAND succeeds; fails when it has not by then
wait_for() {
  local end=$(($(now_ms) + $1 * 1000))
  shift
  until "$@" > /dev/null 2>&1; do
    [ "$(now_ms)" -lt "$end" ] || return 1
    sleep 0.05
  done
}

# PID: when it started, in ticks since boot; fails for a zombie, which only looks alive
started_at() {
  local stat
  { stat=$(< "/proc/$1/stat"); } 2> /dev/null || return 1
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  case $1 in Z | X) return 1 ;; esac
  printf '%s' "${20}"
}

# FILE PID
remember() {
  local started
  started=$(started_at "$2") || return 1
  printf '%s %s\n' "$2" "$started" > "$1"
}

# FILE: the pid in it, if that very process still runs
recall() {
  local pid started
  [ -s "$1" ] && read -r pid started < "$1" || return 1
  [ "$(started_at "$pid")" = "$started" ] && printf '%s' "$pid"
}

is_gone() { ! recall "$1" > /dev/null; }

# FILE SECONDS: SIGTERM, and SIGKILL when that was not enough
end() {
  local pid
  if pid=$(recall "$1"); then
    kill -TERM "$pid" 2> /dev/null
    kill -CONT "$pid" 2> /dev/null
    wait_for "$2" is_gone "$1" || { kill -KILL "$pid" 2> /dev/null; wait_for 2 is_gone "$1"; }
  fi
  rm -f "$1"
}

# DIR: enters a cluster that is there
open_cluster() {
  root=$(cd "$1" 2> /dev/null && pwd -P) || die "there is no folder $1"
  [ -e "$root/$MARKER" ] || die "$root was not made by slurm-up"
  paths
}

# Sets what the scripts call the places of a cluster.
paths() {
  etc=$root/etc run=$root/run log=$root/log
  export SLURM_CONF=$etc/slurm.conf
  network=
  [ ! -s "$etc/network" ] || network=$(< "$etc/network")
}

# One script at a time per cluster; released when the script ends. Children are started with 9>&-.
lock_cluster() {
  exec 9> "$root/.lock"
  flock --wait 120 9 || die "another script works on $root"
}

# Runs a command where the head of the cluster has its network.
on_head() {
  if [ -n "$network" ]; then nsenter --net="/run/netns/$network-head" "$@"; else "$@"; fi
}

nodes_of() { sed -n 's/^NodeName=\([^ ]*\) .*/\1/p' "$SLURM_CONF"; }

# NODE: its address
address_of() { sed -n "s/^NodeName=$1 .*NodeAddr=\([^ ]*\) .*/\1/p" "$SLURM_CONF"; }
