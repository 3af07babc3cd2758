package setup

import (
	"flag"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

// sample is one line of a scrape: the metric and its labels.
var sample = regexp.MustCompile(`(?m)^([a-zA-Z0-9_:]+)(?:\{(.*)\})? `)

var label = regexp.MustCompile(`([a-zA-Z0-9_]+)="`)

// others are series of the runtime, which change with Go and with the kernel; nothing is built on them.
var others = regexp.MustCompile(`^(go|promhttp|process_network|process_virtual)_`)

// series gives the metrics of a scrape with the names of their labels, one a line.
func series(text string) string {
	found := map[string]bool{}
	for _, s := range sample.FindAllStringSubmatch(text, -1) {
		if others.MatchString(s[1]) {
			continue
		}
		var labels []string
		for _, l := range label.FindAllStringSubmatch(s[2], -1) {
			labels = append(labels, l[1])
		}
		slices.Sort(labels)
		found[strings.TrimSpace(s[1]+" "+strings.Join(labels, ","))] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), "\n") + "\n"
}

// TestTheSeriesAreTheRecordedOnes holds what rules and dashboards are checked against (deploy/prometheus) to what the
// services really export once a question was answered.
func TestTheSeriesAreTheRecordedOnes(t *testing.T) {
	p := newProduct(t, configured(t), slog.New(slog.DiscardHandler))
	p.ask(t)
	p.backend.metrics.Panic("/submit_mcq")
	p.frontend.metrics.Panic("/ask")
	p.backend.metrics.Refused("address")
	for service, metrics := range map[string]http.Handler{"backend": p.backend.Listeners()[1].Server.Handler, "frontend": p.frontend.Listeners()[1].Server.Handler} {
		w := httptest.NewRecorder()
		metrics.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		text, err := io.ReadAll(w.Body)
		require.NoError(t, err)
		path := filepath.Join("../../../deploy/prometheus/testdata", service+".series")
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(series(string(text))), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(want), series(string(text)), "if that is wanted: go test ./cmd/internal/setup -run Series -update")
	}
}

func TestAModelsCountsBeginAtZero(t *testing.T) {
	p := newProduct(t, configured(t), slog.New(slog.DiscardHandler))
	w := httptest.NewRecorder()
	p.backend.Listeners()[1].Server.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{`result="invalid"} 0`, `result="ok"} 0`, `sat_answers_tied_total{model="sat-lora"} 0`, `sat_model_info{`} {
		assert.Contains(t, w.Body.String(), line)
	}
}
