# The daemons of a cluster's head, each of which is started unless it runs: MUNGE, the accounting database with its
# daemon, the controller. Sourced after cluster.sh.
# shellcheck shell=bash disable=SC2154

start_munged() {
  recall "$run/munged.id" > /dev/null && return 0
  if [ ! -s "$root/munge/key" ]; then
    (umask 077 && head --bytes=128 /dev/urandom > "$root/munge/key")
    chown munge:munge "$root/munge/key"
  fi
  rm -f "$root/munge-run/socket" "$root/munge-run/socket.lock" "$root/munge-run/munged.pid"
  setpriv --reuid=munge --regid=munge --clear-groups munged --force \
    --key-file="$root/munge/key" --socket="$root/munge-run/socket" --pid-file="$root/munge-run/munged.pid" \
    --log-file="$root/munge/munged.log" --seed-file="$root/munge/seed" --num-threads=2 \
    < /dev/null > "$log/munged.start" 2>&1 9>&- || die "munged did not start: $(< "$log/munged.start")"
  wait_for 5 test -s "$root/munge-run/munged.pid" || die 'munged wrote no pid'
  remember "$run/munged.id" "$(< "$root/munge-run/munged.pid")" || die "munged ended at once, see $root/munge/munged.log"
}

# The database makes its one user itself when it starts, so no client of it is needed.
write_slurmdbd_conf() {
  local password
  [ -s "$etc/slurmdbd.conf" ] && return 0
  password=$(od --address-radix=n --read-bytes=16 --format=x1 /dev/urandom | tr --delete ' \n')
  (
    umask 077
    cat > "$etc/users.sql" << SQL
create or replace user 'slurm'@'127.0.0.1' identified by '$password';
grant all on slurm_acct_db.* to 'slurm'@'127.0.0.1';
SQL
    cat > "$etc/slurmdbd.conf" << CONF
AuthType=auth/munge
AuthInfo=socket=$root/munge-run/socket
DbdHost=$(hostname --short)
DbdAddr=$head_address
DbdPort=$((port + 2))
SlurmUser=slurm
LogFile=$log/slurmdbd.log
PidFile=$run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$((port + 3))
StorageUser=slurm
StoragePass=$password
StorageLoc=slurm_acct_db
CommitDelay=1
CONF
  )
  chown slurm:slurm "$etc/slurmdbd.conf" "$etc/users.sql"
}

# ADDRESS/PORT: whether something listens there
listens() { on_head bash -c "exec 3<> /dev/tcp/$1"; }

# What mariadb-install-db does; that one needs programs of further packages.
make_database() {
  [ ! -d "$root/mysql/mysql" ] || return 0
  {
    printf 'create database mysql;\nuse mysql;\n'
    cat /usr/share/mysql/mysql_system_tables.sql /usr/share/mysql/mysql_system_tables_data.sql
  } | mariadbd --no-defaults --bootstrap --datadir="$root/mysql" --user=slurm --skip-log-bin \
    --innodb-log-file-size=16M > "$log/mysql-install.log" 2>&1 9>&- \
    || die "the database could not be made, see $log/mysql-install.log"
}

start_database() {
  recall "$run/mariadbd.id" > /dev/null && return 0
  make_database
  # shellcheck disable=SC2016
  on_head setsid --fork bash -c 'echo $$ > "$1"; shift; exec "$@"' _ "$run/mariadbd.pid" \
    mariadbd --no-defaults --datadir="$root/mysql" --user=slurm --socket="$run/mysql.sock" \
    --bind-address=127.0.0.1 --port=$((port + 3)) --pid-file="$root/mysql/mariadbd.pid" \
    --init-file="$etc/users.sql" --innodb-buffer-pool-size=64M --innodb-log-file-size=16M \
    --innodb-lock-wait-timeout=900 --innodb-flush-log-at-trx-commit=2 --performance-schema=OFF --skip-log-bin \
    < /dev/null > "$log/mariadbd.log" 2>&1 9>&-
  wait_for 30 listens "127.0.0.1/$((port + 3))" || die "mariadbd did not start: $(tail --lines=5 "$log/mariadbd.log")"
  remember "$run/mariadbd.id" "$(< "$run/mariadbd.pid")" || die "mariadbd ended at once, see $log/mariadbd.log"
}

start_slurmdbd() {
  recall "$run/slurmdbd.id" > /dev/null && return 0
  rm -f "$run/slurmdbd.pid"
  on_head slurmdbd < /dev/null > "$log/slurmdbd.start" 2>&1 9>&- \
    || die "slurmdbd did not start: $(< "$log/slurmdbd.start")"
  wait_for 30 listens "$head_address/$((port + 2))" || die "slurmdbd does not listen: $(tail --lines=5 "$log/slurmdbd.log")"
  remember "$run/slurmdbd.id" "$(< "$run/slurmdbd.pid")" || die "slurmdbd ended at once, see $log/slurmdbd.log"
}

# The account `research` and, of it, every user; the QOS `limited`: 1 running, 4 submitted, 10 minutes.
fill_accounting() {
  local user known
  known=$(on_head sacctmgr --noheader --parsable2 list associations format=account,user 2> /dev/null)
  {
    if ! grep --quiet '^research|' <<< "$known"; then
      on_head sacctmgr --immediate add cluster switchyard
      on_head sacctmgr --immediate add account research Description=research Organization=switchyard
      on_head sacctmgr --immediate add account teaching Description=teaching Organization=switchyard
      on_head sacctmgr --immediate add qos limited MaxJobsPerUser=1 MaxSubmitJobsPerUser=4 MaxWall=00:10:00
    fi
    for user in $USERS; do
      grep --quiet "^research|$user\$" <<< "$known" || on_head sacctmgr --immediate add user "$user" \
        Account=research DefaultAccount=research QOS=normal,limited
    done
  } >> "$log/sacctmgr.log" 2>&1
}

start_accounting() {
  install --directory --owner=slurm --mode=700 "$root/mysql"
  write_slurmdbd_conf
  start_database
  start_slurmdbd
  fill_accounting
}

controller_answers() { on_head scontrol ping | grep --quiet 'is UP'; }

start_slurmctld() {
  local pid
  if pid=$(recall "$run/slurmctld.id"); then
    kill -CONT "$pid"
    return 0
  fi
  rm -f "$run/slurmctld.pid"
  # -i: state that does not fit is dropped and not fatal
  on_head slurmctld -i < /dev/null > "$log/slurmctld.start" 2>&1 9>&- \
    || die "slurmctld did not start: $(< "$log/slurmctld.start")"
  wait_for 20 controller_answers || die "slurmctld does not answer: $(tail --lines=10 "$log/slurmctld.log")"
  remember "$run/slurmctld.id" "$(< "$run/slurmctld.pid")" || die "slurmctld ended at once, see $log/slurmctld.log"
}
