#!/usr/bin/env bash
# Base images where no image registry can be reached, made of this Debian machine's own files:
#   standin/static:nonroot   for gcr.io/distroless/static, with a shell for the tests to look around
#   standin/golang:1.26      the Go toolchain of this machine
#   standin/python:slim      the Python of this machine, with venv and pip
#
#   standins.sh start     installs and starts Docker where it is absent, makes the images that are missing
#   standins.sh env       prints what a shell needs: eval "$(deploy/ci/standins.sh env)"
#   standins.sh stop      removes images, build cache and the Docker daemon that start began; one found running stays
#
# They prove our own wiring, not the images of others. Needs root.
set -euo pipefail

state=${STANDIN_STATE:-/var/tmp/sat-standins}
label=standin=sattutor
say() { echo "standins: $*" >&2; }

# Debian's client has BuildKit inside; a newer one elsewhere on PATH would ask for buildx.
docker() { /usr/bin/docker "$@"; }
running() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

install_docker() {
  local missing=() package
  for package in docker.io docker-compose busybox-static ca-certificates curl iproute2 iptables python3-venv; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Sandboxes differ in what they allow; the plainest way that works is taken.
start_docker() {
  running && { say "Docker is running already"; return; }
  local flags tries
  for flags in "" "--storage-driver=vfs" "--storage-driver=vfs --iptables=false --bridge=none"; do
    # shellcheck disable=SC2086
    setsid nohup dockerd --log-level warn $flags >"$state/dockerd.log" 2>&1 </dev/null &
    echo $! >"$state/dockerd.pid"
    for tries in $(seq 150); do
      running && { say "Docker started ${flags:+with $flags}"; return; }
      kill -0 "$(cat "$state/dockerd.pid")" 2>/dev/null || break
      sleep 0.2
    done
    say "dockerd ${flags:-without flags}: $(tail -n 1 "$state/dockerd.log")"
    kill "$(cat "$state/dockerd.pid")" 2>/dev/null || true
  done
  return 1
}

# skeleton DIR makes the root of a small system: a shell, users, certificates.
skeleton() {
  local root=$1 tool
  rm -rf "$root"
  mkdir -p "$root"/{etc/ssl/certs,home/nonroot,root,tmp,run,usr/bin,usr/sbin,usr/lib,usr/lib64}
  chmod 1777 "$root/tmp"
  for tool in bin sbin lib lib64; do ln -s "usr/$tool" "$root/$tool"; done
  cp "$(command -v busybox)" "$root/usr/bin/busybox"
  for tool in sh cat id ls mkdir touch test rm; do ln -s busybox "$root/usr/bin/$tool"; done
  echo 'root:x:0:0::/root:/bin/sh
nonroot:x:65532:65532::/home/nonroot:/bin/sh' >"$root/etc/passwd"
  echo 'root:x:0:
nonroot:x:65532:' >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
}

# import NAME CHANGE... makes an image of the tar stream on standard input.
import() {
  local name=$1 changes=() change
  shift
  for change in "LABEL $label" "$@"; do changes+=(--change "$change"); done
  docker import "${changes[@]}" - "$name" >/dev/null
  say "made $name"
}

have() { docker image inspect "$1" >/dev/null 2>&1; }

static() {
  have standin/static:nonroot && return
  skeleton "$state/root"
  tar -C "$state/root" -c . | import standin/static:nonroot 'USER 65532:65532' 'ENV PATH=/usr/bin' 'WORKDIR /home/nonroot'
}

golang() {
  have standin/golang:1.26 && return
  local goroot
  goroot=$(go env GOROOT)
  skeleton "$state/root"
  tar -c --exclude="${goroot#/}/test" --exclude="${goroot#/}/doc" -C "$state/root" . -C / "${goroot#/}" |
    import standin/golang:1.26 "ENV PATH=$goroot/bin:/usr/bin" 'ENV GOPATH=/go' 'ENV GOTOOLCHAIN=local'
}

# packages NAME... lists the files of installed packages and of all that they need to run, below /usr.
packages() {
  local scripts_only='^(debconf|dpkg|perl|init-system-helpers|adduser|passwd|ucf|cdebconf|lsb-base|systemd|udev|openssl|ca-certificates)'
  apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances "$@" | grep -E '^[a-z0-9]' | grep -Ev "$scripts_only" | cut -d: -f1 | sort -u |
    xargs dpkg-query -L | sed -E 's,^/(bin|sbin|lib|lib64)/,/usr/\1/,' | grep -Ev '^/usr/share/(doc|man|locale|lintian)/' | sort -u |
    while read -r path; do if [ -f "$path" ] || { [ -L "$path" ] && [ ! -d "$path" ]; }; then echo "${path#/}"; fi; done
}

python() {
  have standin/python:slim && return
  skeleton "$state/root"
  packages python3 python3-venv libstdc++6 libgomp1 >"$state/files"
  tar -c -C "$state/root" . -C / --files-from="$state/files" | import standin/python:slim 'ENV PATH=/usr/bin:/usr/sbin' 'ENV LANG=C.UTF-8'
}

start() {
  [ "$(id -u)" = 0 ] || { say "needs root"; exit 1; }
  mkdir -p "$state"
  install_docker
  start_docker
  static
  golang
  python
  rm -rf "$state/root" "$state/files"
}

stop() {
  if running; then
    docker image ls -q --filter "label=$label" | sort -u | xargs -r /usr/bin/docker image rm -f >/dev/null
  fi
  if [ -f "$state/dockerd.pid" ] && pid=$(cat "$state/dockerd.pid") && [ "$(ps -o comm= -p "$pid")" = dockerd ]; then
    docker builder prune -af >/dev/null
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
  fi
  rm -rf "$state"
}

environment() {
  cat <<'ENV'
export PATH=/usr/bin:$PATH DOCKER_BUILDKIT=1 COMPOSE_DOCKER_CLI_BUILD=1
export GO_IMAGE=standin/golang:1.26 RUNTIME_IMAGE=standin/static:nonroot PYTHON_IMAGE=standin/python:slim
ENV
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  env) environment ;;
  *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac
