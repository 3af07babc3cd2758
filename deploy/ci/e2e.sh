#!/usr/bin/env bash
# Builds the stack's images on stand-ins for the base images, starts the stack, and tries it to destruction:
# deploy/e2e_test.go. Needs root, Debian and Go; installs Docker where it is absent and ends it afterwards. Images and
# volumes are its own, but the network sat-network has one name for all: `make down` first.
#
#   e2e.sh                 everything
#   e2e.sh -run TestName   what go test's own flags choose
#
# SAT_KEEP_STANDINS=1 leaves Docker and the stand-ins for the next run, which then begins at once.
set -euo pipefail
cd "$(dirname "$0")/../.."

[ "${SAT_KEEP_STANDINS:-}" ] || trap 'deploy/ci/standins.sh stop' EXIT
deploy/ci/standins.sh start
eval "$(deploy/ci/standins.sh env)"
SAT_TEST_REQUIRE=docker go test -tags e2e -count=1 -timeout 40m -v "$@" ./deploy
