# What the scripts that measure the running proxy share. To be sourced from the root of the repository.
# shellcheck shell=bash

script=$(basename "$0")
work=$(mktemp -d)
# Two folders above are watched for the coming and going of this one: they had better be quiet.
manifests=$work/objects/manifests
mkdir -p "$manifests"

fail() {
  echo "$script: $*" >&2
  exit 1
}

need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || fail "$tool is not installed: run scripts/setup bench"
  done
}

pids=()
stop() {
  trap - EXIT INT TERM
  for pid in ${pids[@]+"${pids[@]}"}; do kill -9 "$pid" 2>/dev/null || true; done
  for pid in ${pids[@]+"${pids[@]}"}; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap stop EXIT
trap 'stop; exit 130' INT TERM

# start COMMAND...: runs until the script ends, or `end PID`. Leaves its process id in $! and what it says in a file.
start() {
  "$@" >/dev/null 2>"$work/log" &
  pids+=($!)
}

# Sockets that share a port share its connections: a server left over from before would falsify everything.
claim_ports() { # FIRST COUNT
  local n
  for ((n = $1; n < $1 + $2; n++)); do
    ! (exec 3<>"/dev/tcp/127.0.0.1/$n") 2>/dev/null || fail "something else listens on port $n; choose others with BENCH_PORT"
  done
}

# Sets `binary` to BENCH_BINARY or to a release build, and builds examples.
build() { # EXAMPLE...
  local example
  binary=${BENCH_BINARY:-target/release/tidegate}
  [ -n "${BENCH_BINARY:-}" ] || cargo build --release --locked --quiet --bin tidegate
  for example in "$@"; do cargo build --release --locked --quiet --example "$example"; done
}

has_status_200() { # PORT PATH
  (exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&3 &&
    grep -q '^HTTP/1.1 200' <&3) 2>/dev/null
}

# Waits until a server that was started answers so.
await() { # PID PORT PATH
  local deadline=$((SECONDS + 60))
  until has_status_200 "$2" "$3"; do
    [ "$SECONDS" -lt "$deadline" ] && kill -0 "$1" 2>/dev/null || fail "no answer from port $2: $(cat "$work/log")"
    sleep 0.1
  done
  kill -0 "$1" 2>/dev/null || fail "another server answers on port $2: $(cat "$work/log")"
}

# The objects: one Service at 127.0.0.1:PORT, and an Ingress that routes the host localhost to it.
make_objects() { # PORT [MORE FIELDS OF THE INGRESS'S SPEC]
  cat >"$manifests/all.yaml" <<YAML
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: tidegate}
spec: {controller: tidegate.dev/ingress-controller}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: bench}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: bench, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: "", port: $1}]
endpoints: [{addresses: [127.0.0.1]}]
YAML
  add_host web localhost "${2:-}"
}

add_host() { # NAME HOST [MORE FIELDS OF THE SPEC]
  cat >>"$manifests/all.yaml" <<YAML
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: $1, namespace: bench}
spec: {${3:-}ingressClassName: tidegate, rules: [{host: $2, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
YAML
}

# The options of `serve` for measuring: one worker, three ports in a row for http, https and admin.
serve() { # PORT
  echo "serve --manifests $manifests --workers 1 --connect-timeout 5s --max-requests-per-connection 4000000000" \
    "--http 127.0.0.1:$1 --https 127.0.0.1:$(($1 + 1)) --admin 127.0.0.1:$(($1 + 2))"
}

# Options of wrk for a request with the fields of a browser.
browser=(-H 'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
  -H 'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' -H 'Accept-Language: en-US,en;q=0.5'
  -H 'Accept-Encoding: gzip, deflate, br, zstd' -H 'DNT: 1' -H 'Referer: http://localhost/start' -H 'Sec-GPC: 1'
  -H 'Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes' -H 'Upgrade-Insecure-Requests: 1'
  -H 'Sec-Fetch-Dest: document' -H 'Sec-Fetch-Mode: navigate' -H 'Sec-Fetch-Site: same-origin' -H 'Priority: u=0, i'
  -H 'Cache-Control: no-cache')

# Load, printed as the number of good answers, or nothing when any was bad.
with_wrk() { # CONNECTIONS SECONDS [OPTION...] URL
  wrk -t 1 -c "$1" -d "$2s" --timeout 5s "${@:3}" |
    awk '/Non-2xx|Socket errors/ { bad = 1 } / requests in / { count = $1 } END { if (!bad) print count }'
}

with_h2load() { # CONNECTIONS SECONDS [OPTION...] URL
  h2load -t 1 -c "$1" -m 10 -D "$2" "${@:3}" | awk '/^requests:/ && $2 == $8 { print $2 }'
}
