package telemetry

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLoggerWritesOneObjectALine(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLogger(&out, "info", JSON)
	require.NoError(t, err)
	log.Debug("hidden")
	log.Info("request", "route", "/submit_mcq", "status", 200)
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line), "one line: %s", out.String())
	assert.Equal(t, "request", line["msg"])
	assert.Equal(t, "INFO", line["level"])
	assert.Equal(t, "/submit_mcq", line["route"])
	assert.Contains(t, line, "time")
}

func TestLoggerLevelAndFormat(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLogger(&out, "warn", Text)
	require.NoError(t, err)
	log.Info("hidden")
	log.Warn("seen", "n", 1)
	assert.NotContains(t, out.String(), "hidden")
	assert.Contains(t, out.String(), "msg=seen n=1")

	_, err = NewLogger(&out, "loud", JSON)
	assert.ErrorContains(t, err, "debug, info, warn, error")
	_, err = NewLogger(&out, "info", "xml")
	assert.ErrorContains(t, err, "json, text")
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	body, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	return string(body)
}

func TestEverySeriesIsScraped(t *testing.T) {
	m := NewMetrics("1.2.3", "abc")
	up, inFlight, waiting := true, 3, 7
	m.WatchEngine("vllm", func() bool { return up }, func() int { return inFlight })
	m.WatchQueue(func() int { return waiting })
	m.Request("/submit_mcq", "POST", 200, 30*time.Millisecond)
	m.Panic("/submit_mcq")
	m.Answered(Answered{Model: "sat-lora", Adapter: "sat", Result: "ok", Took: time.Second, Waited: 10 * time.Millisecond, Cached: 800})
	m.Answered(Answered{Model: "sat-lora", Adapter: "sat", Result: "shed"})

	got := scrape(t, m)
	for _, want := range []string{
		`sat_http_request_duration_seconds_bucket{code="200",method="POST",route="/submit_mcq",le="0.1"} 1`,
		`sat_panics_total{route="/submit_mcq"} 1`,
		`sat_answers_total{adapter="sat",model="sat-lora",result="ok"} 1`,
		`sat_answers_total{adapter="sat",model="sat-lora",result="shed"} 1`,
		`sat_answer_duration_seconds_sum{model="sat-lora"} 1`,
		`sat_answer_duration_seconds_count{model="sat-lora"} 1`,
		`sat_engine_up{engine="vllm"} 1`,
		`sat_engine_inflight 3`,
		`sat_queue_depth{class="student"} 7`,
		`sat_queue_wait_seconds_count{class="student"} 1`,
		`sat_prompt_tokens_cached_total{adapter="sat"} 800`,
		`sat_build_info{revision="abc",version="1.2.3"} 1`,
		`go_goroutines`,
	} {
		assert.Contains(t, got, want)
	}
	up, waiting = false, 0
	got = scrape(t, m)
	assert.Contains(t, got, `sat_engine_up{engine="vllm"} 0`, "gauges are read at each scrape")
	assert.Contains(t, got, `sat_queue_depth{class="student"} 0`)
}

func TestMetricsStandAtOnePathAlone(t *testing.T) {
	w := httptest.NewRecorder()
	NewMetrics("v", "r").Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	assert.Equal(t, http.StatusNotFound, w.Code)
	assert.False(t, strings.Contains(w.Body.String(), "sat_"))
}

func TestOutsideOfATraceNothingIsAllocated(t *testing.T) {
	ctx := t.Context()
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if Traceparent(ctx) != "" {
			t.Error("there is no trace")
		}
	}))
}
