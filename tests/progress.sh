# How tests/run and tests/setup say what they do: they say `source` to it.

# step "[1/5] NAME" COMMAND...: runs the command, and says that it begins, every 30 seconds that it still runs, and how
# long it took.
step() {
    local name=$1 start=$SECONDS
    shift
    echo "$name"
    still_running "$name" "$start" &
    beat=$!
    "$@"
    quiet
    echo "$name: $((SECONDS - start)) s"
}

still_running() {
    trap 'kill "$sleep" 2>/dev/null; exit' TERM
    # A script that was killed outright is missed within that time.
    while sleep 30 >/dev/null 2>&1 & sleep=$!; wait "$sleep" && kill -0 $$ 2>/dev/null; do
        echo "$1: still running, $((SECONDS - $2)) s"
    done
}

beat=
quiet() {
    [[ -z $beat ]] || { kill "$beat" && wait "$beat"; } 2>/dev/null || true
    beat=
}
trap quiet EXIT

# Runs a command that talks too much, and shows what it said only if it fails.
hushed() {
    local said
    said=$(mktemp)
    "$@" >"$said" 2>&1 || { cat "$said" >&2; rm -f "$said"; return 1; }
    rm -f "$said"
}
