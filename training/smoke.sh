#!/usr/bin/env bash
# Walks the path of training/README.md word for word on this machine's CPU, and proves each part of it: make train-smoke.
# What it makes stays in a folder of its own, with a shelf of its own; yours is not touched.
#
# SMOKE_DIR (the folder, .sat/train-smoke, emptied first), SMOKE_STEP (the step after which a run is killed, 16),
# OMP_NUM_THREADS (of the training, 1). The environment comes from `make train-env`.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
work=${SMOKE_DIR:-$top/.sat/train-smoke}
killed=${SMOKE_STEP:-16}
readme=$top/training/README.md
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} HF_HUB_OFFLINE=1 SAT_HOME=$work/.sat BACKEND_PORT=0 FRONTEND_PORT=0 METRICS_ADDR=off FRONTEND_METRICS_ADDR=off
unset OPENAI_API_BASE_URL VLLM_API_BASE_URL SAT_MODEL_PATH SAT_MODEL_URL

[ -x "$top/training/.venv/bin/sat-train" ] || { echo "smoke: the trainer's environment is absent: run make train-env" >&2; exit 69; }
[ -d "$top/.sat/runtime" ] || { echo "smoke: the embedded engine is absent: run bin/sat engine install" >&2; exit 69; }

# The commands run in a folder that looks like a checkout, so that they stand here as they stand there.
rm -rf "$work"
mkdir -p "$work/.sat"
for part in bin training internal; do ln -s "$top/$part" "$work/$part"; done
ln -s "$top/.sat/runtime" "$work/.sat/runtime"
cd "$work"

began=$(date +%s)
parts=0
heading() {
  parts=$((parts + 1))
  printf '\n\033[1m%s · %d. %s\033[0m\n' "$(printf '%d:%02d' $((($(date +%s) - began) / 60)) $((($(date +%s) - began) % 60)))" "$parts" "$1"
}

# Each part of the README's block begins with a comment that says what it does.
walk() {
  local part line
  while IFS= read -r -d '' -u 3 part; do
    line=${part%%$'\n'*}
    heading "${line#\# }"
    printf '%s\n' "${part#*$'\n'}" | sed 's/^/  $ /'
    eval "${part#*$'\n'}"
  done 3< <(awk '/<!-- path -->/{on=1; next} /<!-- \/path -->/{on=0} on && !/^```/' "$readme" | awk 'BEGIN{RS=""; ORS="\0"} 1')
}
walk
: "${base:?the README no longer names the base}" "${run:?the README no longer names the run}" "${id:?the README no longer names the adapter}"

heading "Train again with the same seed, kill it after step $killed, and go on"
again=(sat-train run --config training/configs/smoke-135m.yaml --data runs/questions --base "$base" --out runs/again)
"${again[@]}" >again.log 2>&1 & # the program itself and no shell around it: it is what gets killed
trainer=$!
until [ -d "$(printf 'runs/again/%s' "$(basename "$run")")/checkpoints/step-$(printf %06d "$killed")" ]; do
  kill -0 "$trainer" 2>/dev/null || { cat again.log >&2; exit 1; }
  sleep 0.2
done
kill -KILL "$trainer"
wait "$trainer" 2>/dev/null || true
tail -n 1 again.log
"${again[@]}" --resume

heading "Score the validation questions in PyTorch, without and with the adapter"
score() { sat-train score --config training/configs/smoke-135m.yaml --data runs/questions --base "$base" "$@"; }
score >torch-base.jsonl
score --adapter "$run/adapter" >torch-adapter.jsonl

heading "Serve, and ask the running tutor the same questions"
sat up >up.log 2>&1 &
tutor=$!
trap 'kill "$tutor" 2>/dev/null || true; wait "$tutor" 2>/dev/null || true' EXIT
until grep -qs 'Ctrl-C stops everything' up.log; do
  kill -0 "$tutor" 2>/dev/null || { cat up.log >&2; exit 1; }
  sleep 0.2
done
sed -n 's/^The first/  &/p; s/^  Students/&/p' up.log
pages=$(sed -n 's/^ *Students *//p' up.log)
api=$(sed -n 's/^ *API *\(.*\)\/docs/\1/p' up.log)
sat eval run --url "$api" --data bank --model sat-base --model sat-lora --out runs/served --fingerprints "$run/adapter/fingerprints.bin" $(python training/smoke.py ids torch-base.jsonl)
python training/smoke.py question runs/questions/test.jsonl >question.json
sat ask --url "$api" --json question.json >answer.json
if command -v "${CHROME_PATH:-chromium}" >/dev/null; then
  heading "Ask in a real browser"
  (cd "$top" && SAT_TEST_PAGES=$pages SAT_TEST_ADAPTER=$id SAT_TEST_QUESTION=$work/question.json SAT_TEST_SHOT=$work/answer.png SAT_TEST_REQUIRE=pages,chromium \
    "${GO:-go}" test -count=1 -run TestRunningTutor ./internal/frontend) && echo "$pages shown by chromium, see $work/answer.png" >browser.txt
fi
kill -INT "$tutor"
wait "$tutor" || true
sat model history >history.txt

heading "Ask again with the base's weights as PyTorch has them, not in 4 bits"
python training/smoke.py widen "$base" exact
SAT_MODEL_PATH=$(echo exact/*.gguf) sat eval run --data bank --method option --model sat-base --model sat-lora --out runs/exact \
  $(python training/smoke.py ids torch-base.jsonl) >exact.txt

heading "What came of it"
python training/smoke.py summary --run "$run" --again "runs/again/$(basename "$run")" --killed "$killed" --id "$id" --seconds $(($(date +%s) - began))
