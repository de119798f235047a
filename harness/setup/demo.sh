#!/bin/sh
# The main job from start to end, in a lab of its own beside any other: run all lessons, print the verdicts, leave
# nothing behind. Exit code: that of `cdc-lab run`, by expectation.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
lab=$root/bin/cdc-lab
dir=$root/.cache/demo-lab

"$lab" clean --dir "$dir" || exit
"$lab" run --all --dir "$dir" "$@"
code=$?
if [ "$code" -eq 0 ]; then
  "$lab" clean --dir "$dir" || code=70
else
  # The logs may tell why.
  "$lab" down --dir "$dir"
  echo "demo: exit code $code; logs are in $dir/logs until the next demo." >&2
fi
exit "$code"
