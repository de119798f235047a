#!/bin/sh
# Runs all lessons in a separate lab, prints the verdicts, and leaves nothing behind but the journal, until the next demo.
# Exit code: that of `cdc-lab run`, which is 0 when every verdict is the expected one.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
lab=$root/bin/cdc-lab
dir=$root/.cache/demo-lab

"$lab" clean --dir "$dir" || exit
"$lab" run --lessons --dir "$dir" "$@"
code=$?
if [ "$code" -eq 0 ]; then
  "$lab" clean --keep-runs --dir "$dir" || code=70
else
  # Keep the logs: they may show why.
  "$lab" down --dir "$dir"
  echo "demo: exit code $code; logs are in $dir/logs until the next demo." >&2
fi
exit "$code"
