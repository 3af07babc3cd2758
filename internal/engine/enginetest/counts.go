package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
)

// keptBodies bounds what a fake remembers of the requests.
const keptBodies = 64

// Counts is what a VLLM saw of chats since it began.
type Counts struct {
	Calls         int `json:"calls"`
	Distinct      int `json:"distinct"` // prompts
	InFlight      int `json:"in_flight"`
	MaxInFlight   int `json:"max_in_flight"`
	Computing     int `json:"computing"`
	Waiting       int `json:"waiting"`
	Answered      int `json:"answered"`
	Abandoned     int `json:"abandoned"`      // the client left first
	NoTemperature int `json:"no_temperature"` // the field was absent: a real server samples at its own default
	PromptTokens  int `json:"prompt_tokens"`
	CachedTokens  int `json:"cached_tokens"`
	OutputTokens  int `json:"output_tokens"`
}

// Counts gives the counts of now.
func (v *VLLM) Counts() Counts {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := v.counts
	c.Distinct = len(v.prompts)
	c.Computing, c.Waiting = v.slots.counts()
	return c
}

// Bodies gives the last bodies of chats as they came, at most 64, oldest first.
func (v *VLLM) Bodies() [][]byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.bodies)
}

// begin counts a chat in and gives the model that it names.
func (v *VLLM) begin(body []byte) (model string) {
	var seen struct {
		Model       string          `json:"model"`
		Messages    json.RawMessage `json:"messages"`
		Temperature *float64        `json:"temperature"`
	}
	_ = json.Unmarshal(body, &seen) // refused later
	h := fnv.New64a()
	_, _ = h.Write([]byte(seen.Model))
	_, _ = h.Write(seen.Messages)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.counts.Calls++
	v.counts.InFlight++
	v.counts.MaxInFlight = max(v.counts.MaxInFlight, v.counts.InFlight)
	if seen.Temperature == nil {
		v.counts.NoTemperature++
	}
	v.prompts[h.Sum64()] = struct{}{}
	if v.bodies = append(v.bodies, body); len(v.bodies) > keptBodies {
		v.bodies = v.bodies[1:]
	}
	return seen.Model
}

func (v *VLLM) end(client context.Context) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.counts.InFlight--
	if client.Err() != nil {
		v.counts.Abandoned++
	}
}

func (v *VLLM) answered(client context.Context, c completion) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if client.Err() == nil {
		v.counts.Answered++
	}
	v.counts.PromptTokens += c.prompt
	v.counts.CachedTokens += c.cached
	v.counts.OutputTokens += len(c.pieces)
}

// metrics writes those of vLLM's metrics that the product reads, under vLLM's names.
func (v *VLLM) metrics(w http.ResponseWriter, _ *http.Request) {
	c := v.Counts()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	for _, m := range []struct {
		name, kind string
		value      int
	}{
		{"vllm:num_requests_running", "gauge", c.Computing},
		{"vllm:num_requests_waiting", "gauge", c.Waiting},
		{"vllm:kv_cache_usage_perc", "gauge", 0},
		{"vllm:num_preemptions_total", "counter", 0},
		{"vllm:prefix_cache_queries_total", "counter", c.PromptTokens},
		{"vllm:prefix_cache_hits_total", "counter", c.CachedTokens},
		{"vllm:prompt_tokens_total", "counter", c.PromptTokens},
		{"vllm:generation_tokens_total", "counter", c.OutputTokens},
		{"vllm:request_success_total", "counter", c.Answered},
	} {
		_, _ = fmt.Fprintf(w, "# TYPE %s %s\n%[1]s{engine=\"0\",model_name=%[3]q} %[4]d\n", m.name, m.kind, v.opts.Models[0], m.value)
	}
}
