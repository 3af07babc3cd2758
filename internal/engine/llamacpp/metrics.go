package llamacpp

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// metricsLimit is the longest wait for a child's figures, which it gives between two steps of its work.
const metricsLimit = 5 * time.Second

// metrics writes the children's figures, each labelled with its model, and the supervisor's own, in Prometheus' text
// format. A child that does not answer in time is left out.
func (g *gateway) metrics(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), metricsLimit)
	defer cancel()
	g.supervisor.mu.Lock()
	children := g.supervisor.children
	endpoints := make([]Endpoint, len(children))
	for i, c := range children {
		endpoints[i] = c.endpoint()
	}
	g.supervisor.mu.Unlock()
	pages := make([][]byte, len(endpoints))
	var asked sync.WaitGroup
	for i, c := range children {
		asked.Go(func() {
			if !endpoints[i].Up {
				return
			}
			if status, body, err := c.call(ctx, http.MethodGet, endpoints[i].root()+"/metrics", nil); err == nil && status == http.StatusOK {
				pages[i] = body
			}
		})
	}
	asked.Wait()
	var merged families
	for i, e := range endpoints {
		merged.add(e.Name, own(e))
		merged.add(e.Name, string(pages[i]))
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(merged.text()) // the caller may have left
}

// own gives what the supervisor itself knows of a child.
func own(e Endpoint) string {
	up := 0
	if e.Up {
		up = 1
	}
	return fmt.Sprintf(`# HELP sat_engine_up Whether the model's engine answers.
# TYPE sat_engine_up gauge
sat_engine_up %d
# HELP sat_engine_restarts_total Times that the model's engine was started again.
# TYPE sat_engine_restarts_total counter
sat_engine_restarts_total %d
`, up, e.Restarts)
}

// families collects samples of several pages by metric, since the format wants those of one metric together.
type families struct {
	names   []string
	head    map[string][]string // HELP and TYPE
	samples map[string][]string
}

// add takes a page whose samples carry no labels, as llama-server writes it.
func (f *families) add(model, page string) {
	if f.head == nil {
		f.head, f.samples = map[string][]string{}, map[string][]string{}
	}
	for line := range strings.Lines(page) {
		words := strings.Fields(line)
		switch {
		case len(words) >= 3 && words[0] == "#":
			name := words[2]
			if !slices.Contains(f.names, name) {
				f.names = append(f.names, name)
			}
			if line = strings.TrimSpace(line); !slices.Contains(f.head[name], line) {
				f.head[name] = append(f.head[name], line)
			}
		case len(words) == 2 && !strings.Contains(words[0], "{"):
			f.samples[words[0]] = append(f.samples[words[0]], fmt.Sprintf("%s{model=%q} %s", words[0], model, words[1]))
		}
	}
}

func (f *families) text() []byte {
	var b bytes.Buffer
	for _, name := range f.names {
		for _, line := range slices.Concat(f.head[name], f.samples[name]) {
			b.WriteString(line + "\n")
		}
	}
	return b.Bytes()
}
