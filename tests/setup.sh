# What the setup scripts share. They say `source` to it in the directory whose packages they install.

# Installs the Debian packages of the commands that are missing: debian "COMMAND=PACKAGE..."...
debian() {
    local pair missing=()
    for pair in "$@"; do
        # shellcheck disable=SC2206
        PATH=$PATH:/usr/sbin command -v "${pair%%=*}" >/dev/null || missing+=(${pair#*=})
    done
    ((${#missing[@]})) || return 0
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        echo "$0: install these Debian packages and run this again: ${missing[*]}" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # The tests start servers of their own. In runlevel 1, no service is started on installation.
    RUNLEVEL=1 apt-get install -y -qq --no-install-recommends ca-certificates "${missing[@]}" >/dev/null
}

# Installs the packages of package.json in node_modules: npm_packages OLDEST_NODE. Exact versions are in package.json; a
# lock file would add nothing. The stamp is written last, so that a broken installation is done again.
npm_packages() {
    debian node=nodejs npm=npm
    if (($(node -p 'process.versions.node.split(".")[0]') < $1)); then
        echo "$0: node $1 or newer is needed, found $(node --version)" >&2
        exit 1
    fi
    cmp -s package.json node_modules/stamp && return 0
    echo "$0: installing the packages of $PWD/package.json"
    rm -rf node_modules
    npm install --loglevel=error --no-package-lock --ignore-scripts --no-audit --no-fund
    cp package.json node_modules/stamp
}
