# shellcheck shell=bash
# For scripts that wait, to be sourced. `self` is the name in front of every line.
#
# TIDEGATE_REMIND (30): seconds between two lines about a step that goes on.
# TIDEGATE_FETCH_SECONDS (300): how long one try of a download may take.

# step WHAT COMMAND...: runs a command that may take long. Says WHAT before it, and every half minute for how long.
step() {
  local what=$1 status=0 reminder
  shift
  echo "$self: $what" >&2
  # The reminder ends when descriptor 8 is closed, however this script ends; the command does not get it.
  exec 8> >(remind "$what" >&2)
  reminder=$!
  "$@" 8>&- || status=$?
  exec 8>&-
  # Its last line comes before whatever is said next.
  wait "$reminder" || true
  return "$status"
}

remind() { # WHAT
  local started=$SECONDS status=0
  while true; do
    read -r -t "${TIDEGATE_REMIND:-30}" || status=$?
    # Over 128 is the time; everything else is the end of the step.
    [ "$status" -gt 128 ] || return 0
    echo "$self: $1: $((SECONDS - started)) s so far"
    status=0
  done
}

# fetch WHAT COMMAND...: runs a command that downloads, and once more if it fails or takes too long.
fetch() {
  local what=$1 limit=${TIDEGATE_FETCH_SECONDS:-300} status=0 try
  shift
  for try in 1 2; do
    status=0
    # In the foreground, so that Ctrl-C reaches it.
    step "$what (at most $limit s, try $try of 2)" timeout --foreground --kill-after=10 "$limit" "$@" || status=$?
    case "$status" in
      0) return 0 ;;
      124 | 137) echo "$self: $what: not within $limit s" >&2 ;;
      *) echo "$self: $what: failed with status $status" >&2 ;;
    esac
  done
  echo "$self: $what failed twice. Is the network there, is a proxy set? TIDEGATE_FETCH_SECONDS=SECONDS gives it more time" >&2
  return "$status"
}
