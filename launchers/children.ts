// How a shell stands by what it started: a SIGTERM is passed on, and each child's own exit status becomes known.

const TERMINATE = 'kill -TERM "${children[@]}"';

/**
 * Bash text that goes before the first start; `passOn` is what a SIGTERM makes it do. After `children+=("$!")` for each
 * child and one `passed_on`, `ended PID` waits for a child and sets `code`. `wait` returns early when a trapped signal
 * comes, and then reports the signal and not the child: `signalled` tells the two apart. A second `wait` that says 127
 * means that the first had the child's own status. `set +eu`, because what worker_init asked of the shell was for
 * itself.
 */
export function standBy(passOn = TERMINATE, signals = 'TERM'): string {
  return `set +eu
children=()
stopping=
signalled=
forward() {
  stopping=yes
  signalled=yes
  ${passOn} 2>/dev/null
}
trap forward ${signals}
passed_on() {
  [ -z "$stopping" ] || forward
}
ended() {
  local again
  wait "$1"; code=$?
  while [ "$code" -gt 128 ] && [ -n "$signalled" ]; do
    signalled=
    wait "$1"; again=$?
    [ "$again" -eq 127 ] && break
    code=$again
  done
}`;
}

/** Bash text that runs one command and ends with its status. */
export function runOne(command: string): string {
  return `
${standBy()}
${command} </dev/null &
children+=("$!")
passed_on
ended "\${children[0]}"
(exit "$code")
`;
}
