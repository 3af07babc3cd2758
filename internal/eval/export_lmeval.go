package eval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"sattutor/internal/sat"
	"sattutor/internal/stats"
)

// letterTask is the task by which lm-eval asks our questions of engines without prompt log-probabilities.
const letterTask = "sat_en_letter"

const notAvailable = "N/A"

// lmEval prints a run as lm-eval prints its own: results and samples under the same names. Texts stay out unless the
// report carries them; their hashes stand in.
func (r Report) lmEval() ([]File, error) {
	if len(r.Runs) != 1 {
		return nil, failf(ExitUsage, nil, "lm-eval's format holds one run at a time")
	}
	run := r.Runs[0]
	s := Summarise(run)
	if !s.Accuracy.Known() {
		return nil, failf(ExitIncomplete, nil, "%s", s.Accuracy)
	}
	task := lmTask(run.Header)
	stamp := run.Header.Started.Format("2006-01-02T15-04-05.000000")
	results, err := json.MarshalIndent(lmResults(run, s, task), "", "  ")
	if err != nil {
		return nil, err
	}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for i, rec := range run.first() {
		if err := encoder.Encode(r.lmSample(i, rec)); err != nil {
			return nil, err
		}
	}
	return []File{{"results_" + stamp + ".json", append(results, '\n')}, {"samples_" + task + "_" + stamp + ".jsonl", lines.Bytes()}}, nil
}

// lmTask names what was measured: lm-eval's own task only where its own definition was used.
func lmTask(h Header) string {
	if h.Asked.Method == MethodLikelihood {
		return LMEvalTask
	}
	return "sat_" + string(h.Asked.Method)
}

func lmResults(run *Run, s Summary, task string) map[string]any {
	h := run.Header
	k, n := s.Accuracy.Counts()
	scores := map[string]any{"alias": task, "acc,none": float64(k) / float64(n), "acc_stderr,none": stats.StdErr(k, n),
		"acc_norm,none": notAvailable, "acc_norm_stderr,none": notAvailable}
	if s.LMNorm != nil {
		k, n := s.LMNorm.Counts()
		scores["acc_norm,none"], scores["acc_norm_stderr,none"] = float64(k)/float64(n), stats.StdErr(k, n)
	}
	return map[string]any{
		"results":     map[string]any{task: scores},
		"configs":     map[string]any{task: map[string]any{"task": task, "num_fewshot": 0, "metadata": map[string]any{"version": 1.0}}},
		"versions":    map[string]any{task: 1.0},
		"n-shot":      map[string]any{task: 0},
		"n-samples":   map[string]any{task: map[string]any{"original": n, "effective": n}},
		"config":      map[string]any{"model": h.Engine.Name, "model_args": "model=" + h.Model.Name, "batch_size": h.Concurrency, "bootstrap_iters": stats.Draws, "random_seed": h.Seed},
		"git_hash":    h.Code,
		"date":        float64(h.Started.Unix()),
		"task_hashes": map[string]any{task: taskHash(run.first())},
		"sat_run":     h,
		"sat_says":    s.Accuracy.String(),
	}
}

// taskHash gives lm-eval's hash of a task: over the doc, prompt and target hashes of all samples.
func taskHash(records []Record) string {
	var all strings.Builder
	for _, r := range records {
		all.WriteString(r.DocHash + r.PromptHash + r.TargetHash)
	}
	return digest(all.String())
}

// lmSample gives one line of the samples file.
func (r Report) lmSample(i int, rec Record) map[string]any {
	doc := map[string]any{"id": rec.ID, "doc_sha256": rec.DocHash}
	query := "sha256:" + rec.PromptHash
	it, withText := r.item(rec.ID)
	continuation := func(k int) string { return " (" + sat.Letter(k) + ")" }
	if withText {
		d := it.document()
		doc = map[string]any{"query": d.Query, "choices": d.Choices, "gold": d.Gold, "notice": thirdParty}
		continuation = func(k int) string { return " " + d.Choices[k] }
		if rec.Likelihood != nil {
			query = d.Query
		}
	}
	sample := map[string]any{"doc_id": i, "doc": doc, "target": fmt.Sprintf("[%d]", rec.key()), "filter": "none", "metrics": []string{"acc"},
		"doc_hash": rec.DocHash, "prompt_hash": rec.PromptHash, "target_hash": rec.TargetHash, "acc": indicator(rec.Correct)}
	arguments := map[string]any{"gen_args_0": map[string]any{"arg_0": query, "arg_1": ""}}
	filtered := []any{rec.Letter}
	resps := []any{[]any{rec.Letter}}
	if rec.Likelihood != nil {
		filtered, resps = nil, nil
		best := stats.ArgMax(rec.Likelihood.LL)
		for k, ll := range rec.Likelihood.LL {
			arguments[fmt.Sprintf("gen_args_%d", k)] = map[string]any{"arg_0": query, "arg_1": continuation(k)}
			answer := []any{strconv.FormatFloat(ll, 'g', -1, 64), strings.ToUpper(strconv.FormatBool(k == best)[:1]) + strconv.FormatBool(k == best)[1:]}
			filtered, resps = append(filtered, answer), append(resps, []any{answer})
		}
		sample["metrics"] = []string{"acc", "acc_norm"}
		sample["acc_norm"] = indicator(rec.Likelihood.AccNorm)
	}
	sample["arguments"], sample["resps"], sample["filtered_resps"] = arguments, resps, filtered
	return sample
}

// lmEvalTask writes the run's items and the task files by which lm-eval asks them: the likelihood task and the letter
// task. The items are texts, so the data file must have been given.
func (r Report) lmEvalTask() ([]File, error) {
	if r.Texts == nil {
		return nil, failf(ExitUsage, nil, "a task holds the items' texts: give the data file, and --include-text")
	}
	var docs bytes.Buffer
	encoder := json.NewEncoder(&docs)
	encoder.SetEscapeHTML(false)
	for _, rec := range r.Runs[0].first() {
		it, ok := r.item(rec.ID)
		if !ok {
			return nil, failf(ExitConfig, nil, "the data file has no item %s", rec.ID)
		}
		if err := encoder.Encode(it.document()); err != nil {
			return nil, err
		}
	}
	data := pythonJSON(docs.String())
	return []File{{LMEvalTask + ".jsonl", []byte(data)}, {LMEvalTask + ".yaml", []byte(likelihoodTask)}, {letterTask + ".yaml", []byte(letterTaskFile)}}, nil
}

// taskHead is common to both task files; lm-eval reads the items from the folder in which it is started.
const taskHead = `# ` + thirdParty + `
dataset_path: json
dataset_kwargs:
  data_files:
    test: ` + LMEvalTask + `.jsonl
test_split: test
doc_to_text: "{{query}}"
num_fewshot: 0
metadata:
  version: 1.0
`

const likelihoodTask = taskHead + `task: ` + LMEvalTask + `
output_type: multiple_choice
doc_to_choice: "{{choices}}"
doc_to_target: "{{gold}}"
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
  - metric: acc_norm
    aggregation: mean
    higher_is_better: true
`

const letterTaskFile = taskHead + `task: ` + letterTask + `
output_type: generate_until
doc_to_target: "{{['A', 'B', 'C', 'D', 'E'][gold[0]]}}"
generation_kwargs:
  until: ["\n"]
  max_gen_toks: 8
  do_sample: false
  temperature: 0
filter_list:
  - name: letter
    filter:
      - function: regex
        regex_pattern: "^\\s*\\(?([A-D])\\b"
      - function: take_first
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
`
