# Sourced by the scripts that test with servers of Debian: installs them, and runs them in a temporary folder.
# shellcheck shell=bash

say() { printf '%s\n' "$(basename "$0"): $*" >&2; }

# install PACKAGE: install a package of Debian, if we may.
install() {
  local as_root=()
  command -v apt-get >/dev/null || return 1
  if (( EUID != 0 )); then
    sudo -n true 2>/dev/null || return 1
    as_root=(sudo -n)
  fi
  say "installing Debian's $1"
  {
    "${as_root[@]}" apt-get -qq update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq --yes -o DPkg::Lock::Timeout=120 \
      install --no-install-recommends "$1"
  } >&2 </dev/null
}

missing() {
  say "$1 is not installed and could not be installed (on Debian: apt-get install $1)."
  exit 1
}

# need PACKAGE PROGRAM: install the package unless the program is there.
need() {
  command -v "$2" >/dev/null || { install "$1" && command -v "$2" >/dev/null; } || missing "$1"
}

# own_folder USER: make the folder $folder. If we are root, it belongs to the user, and "${as_owner[@]}" runs a command
# as the user: servers refuse to run as root, or should not.
own_folder() {
  folder=$(mktemp -d)
  as_owner=()
  if (( EUID == 0 )); then
    local owner
    owner=$(id -un "$1" 2>/dev/null || printf nobody)
    chown "$owner" "$folder"
    as_owner=(setpriv "--reuid=$owner" "--regid=$(id -g "$owner")" --init-groups)
  fi
}

# stop_server: end the server $server and remove its folder.
stop_server() {
  [[ -z ${server:-} ]] || { kill "$server" && wait "$server"; } 2>/dev/null || true
  rm -rf "$folder"
}

free_port() { .venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# until_ready COMMAND…: wait until a server answers.
until_ready() {
  for _ in $(seq 100); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.2
  done
  say "the server did not start"
  exit 1
}
