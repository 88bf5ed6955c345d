#!/bin/sh
# Reports how a deploy ended, however it ended, and never waits for that.
#
#	examples/deploy/deploy.sh true
#	examples/deploy/deploy.sh false
set -eu

url=${DEPLOY_URL:-http://127.0.0.1:8080/deploys}
began=$(date +%s)

report() {
	status=$?
	beacon send "$url" "{\"status\":$status,\"seconds\":$(($(date +%s) - began)),\"host\":\"$(uname -n)\"}" || true
	exit "$status"
}
trap report EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

"$@" # the deploy itself
