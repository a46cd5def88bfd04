#!/usr/bin/env bash
# The demo: the sample shop is synced to the sandbox, its audiences change, and
# a second sync sends only what changed. It needs bin/impactsync (make build).
#
#   bash examples/shop/demo.sh [folder]     default: ./demo, made anew
#
# State, call log and configuration stay in the folder.
set -euo pipefail
exec </dev/null
shop=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$shop/../.." && pwd)/bin/impactsync
demo=${1:-demo}
config=$demo/impactsync.yaml
calls=$demo/calls.ndjson

say() { printf '\n== %s\n' "$*"; }

# Only an earlier demo is removed.
if [ -e "$demo" ] && [ -n "$(ls -A "$demo")" ] && [ ! -e "$config" ]; then
  echo "$demo contains something other than a demo; name another folder" >&2
  exit 64
fi
rm -rf "$demo"
mkdir -p "$demo"
cp -R "$shop/step1/." "$demo"

say "Starting the sandbox, a stand-in for impact.com"
"$bin" sandbox --listen 127.0.0.1:0 --log "$calls" --account-sid IRsandboxAccount --auth-token sandbox-token --seed 1 \
  >"$demo/sandbox.out" 2>"$demo/sandbox.err" &
sandbox=$!
trap 'kill "$sandbox" 2>/dev/null || true; wait "$sandbox" 2>/dev/null || true' EXIT

url=
for _ in $(seq 100); do
  url=$(sed -n 's/^listening on //p' "$demo/sandbox.out")
  [ -z "$url" ] || break
  kill -0 "$sandbox" 2>/dev/null || break
  sleep 0.1
done
if [ -z "$url" ]; then
  echo "the sandbox did not start:" >&2
  cat "$demo/sandbox.err" >&2
  exit 1
fi
echo "$url"
sed "s|http://127.0.0.1:8090|$url|" "$shop/impactsync.yaml" >"$config"

# pass runs impactsync once. Exit 3 is expected: the sample has broken lines
# and newsletter readers without an id.
pass() {
  local code=0
  "$bin" run --config "$config" || code=$?
  echo "exit $code"
  [ "$code" = 0 ] || [ "$code" = 3 ] || exit "$code"
}

# sent FROM counts what the call log contains after its first FROM lines.
sent() {
  local new
  new=$(tail -n +"$(($1 + 1))" "$calls")
  count() { printf '%s\n' "$new" | grep -cE "$1" || true; }
  printf '%7d page loads\n%7d conversions\n' "$(count '"path":"/PageLoad"')" "$(count '"path":"[^"]*/Conversions"')"
  printf '%s\n' "$new" |
    grep -oE '"(vip|cart_abandoners|newsletter|order_completed_last_30days)":"(true|false)"|"(loyalty_points|total_revenue_180_days)":' |
    tr -d '"' | sed 's/:$/ (a value)/; s/:/=/' | sort | uniq -c || true
}

lines() { wc -l <"$calls" | tr -d ' '; }

say "First sync: $(find "$demo/segment-logs" -name '*.gz' | wc -l | tr -d ' ') logs and $(find "$demo/audiences" -type f | wc -l | tr -d ' ') lists"
pass
say "Sent by the first sync"
sent 0
first=$(lines)

say "Time passes in the shop: some people join, some leave, some values change"
cp -R "$shop/step2/." "$demo"

say "Second sync: only what changed"
pass
say "Sent by the second sync"
sent "$first"

say "A conversion as impact.com would receive it: the order of Segment's own example"
grep '50314b8e9bcf000000000000' "$calls" | head -n 1 || true

say "impactsync status"
"$bin" status --config "$config" || true

cat <<END

Left in $demo: state.db and calls.ndjson. Have a look:
  sqlite3 -box $demo/state.db 'SELECT key, members_wanted, members_delivered, pending, refused FROM audiences'
  sqlite3 -box $demo/state.db 'SELECT run, found, delivered, refused, rejected FROM recent_runs'
  tail -n 1 $calls
  $bin ui --config $config     # the same as a page
END
