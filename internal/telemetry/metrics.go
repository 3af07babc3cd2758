package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Buckets of the histograms, in seconds: from a cached answer on a GPU to a 3B model on a laptop.
func buckets() []float64 {
	return []float64{0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 15, 30, 60, 120, 300}
}

// Metrics is the registry of a process with the product's series. Its methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	panics   *prometheus.CounterVec
	answers  *prometheus.CounterVec
	took     *prometheus.HistogramVec
	waited   *prometheus.HistogramVec
	cached   *prometheus.CounterVec
	prompt   *prometheus.CounterVec
	letters  *prometheus.CounterVec
	tied     *prometheus.CounterVec
	sure     *prometheus.HistogramVec
	models   *prometheus.GaugeVec
	spans    prometheus.Counter
	refused  *prometheus.CounterVec
	embedded *prometheus.HistogramVec
}

// NewMetrics gives a registry that names this build by its version and revision.
func NewMetrics(version, revision string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sat_http_request_duration_seconds", Help: "Time from a request's header to the end of its reply.",
			Buckets: buckets()}, []string{"route", "method", "code"}),
		panics: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sat_panics_total", Help: "Requests that ended in a panic."}, []string{"route"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sat_answers_total", Help: "Questions by how they ended: ok, invalid (the model named no choice), engine_error, timeout, shed, client_error."},
			[]string{"model", "adapter", "result"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sat_answer_duration_seconds", Help: "Time from an accepted question to its answer.",
			Buckets: buckets()}, []string{"model"}),
		waited: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sat_queue_wait_seconds", Help: "Time that questions waited for a place at the engine.",
			Buckets: buckets()}, []string{"class"}),
		cached: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sat_prompt_tokens_cached_total", Help: "Prompt tokens that the engine took from its prefix cache."},
			[]string{"adapter"}),
		prompt: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sat_prompt_tokens_total", Help: "Prompt tokens of answered questions."}, []string{"adapter"}),
		letters: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sat_answer_letters_total", Help: "Answers by the letter of their choice and by the method that found it."},
			[]string{"model", "method", "letter"}),
		tied: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sat_answers_tied_total", Help: "Answers whose best two choices had the same score."}, []string{"model"}),
		sure: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sat_answer_confidence", Help: "Probability of the chosen choice, where the method gives scores.",
			Buckets: []float64{0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1}}, []string{"model"}),
		models: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sat_model_info", Help: "Always 1 for each model that is served; the labels say what it is worth."},
			[]string{"model", "adapter", "quality"}),
		spans: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sat_telemetry_dropped_total", Help: "Spans that the receiver of traces did not get.",
			ConstLabels: prometheus.Labels{"kind": "span"}}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sat_rate_limited_total", Help: "Requests refused because their caller's quota was used up."}, []string{"quota"}),
		embedded: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sat_embedding_duration_seconds", Help: "Time of a call of the embedding server, by how it ended: ok, unavailable, timeout, rejected and so on.",
			Buckets: buckets()}, []string{"result"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sat_build_info", Help: "Always 1; the labels name the build.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision}})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.panics, m.answers, m.took, m.waited, m.cached, m.prompt, m.letters, m.tied, m.sure,
		m.models, m.spans, m.refused, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Request notes one HTTP request by its route's pattern.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}

// Panic counts a request that panicked.
func (m *Metrics) Panic(route string) { m.panics.WithLabelValues(route).Inc() }

// SpansDropped counts spans that were not delivered.
func (m *Metrics) SpansDropped(spans int) { m.spans.Add(float64(spans)) }

// Refused counts a request over a quota.
func (m *Metrics) Refused(quota string) { m.refused.WithLabelValues(quota).Inc() }

// Answered is one question that came to its end.
type Answered struct {
	Model   string // served name, from the registry; "" when the question ended before a model was chosen
	Adapter string
	Result  string        // ok, invalid, engine_error, timeout, shed or client_error
	Took    time.Duration // from the accepted question to the answer
	Waited  time.Duration // of these, for a place at the engine
	Prompt  int           // tokens of the prompts
	Cached  int           // of these, read from the prefix cache

	Method     string // letter, option or generate
	Letter     string // of the chosen choice
	Scored     bool   // whether Confidence and Tied mean something
	Confidence float64
	Tied       bool
}

// results are the ends of a question.
func results() []string {
	return []string{"ok", "invalid", "engine_error", "timeout", "shed", "client_error"}
}

// ModelServed is one model that the engine serves.
type ModelServed struct{ Name, Adapter, Quality string }

// Serves replaces the list of served models, and begins their counts at zero: a counter that appears with its first
// event has no rate.
func (m *Metrics) Serves(models []ModelServed) {
	m.models.Reset()
	for _, s := range models {
		m.models.WithLabelValues(s.Name, s.Adapter, s.Quality).Set(1)
		for _, result := range results() {
			m.answers.WithLabelValues(s.Name, s.Adapter, result)
		}
		m.tied.WithLabelValues(s.Name)
	}
}

// Answered notes the end of a question.
func (m *Metrics) Answered(a Answered) {
	m.answers.WithLabelValues(a.Model, a.Adapter, a.Result).Inc()
	if a.Result != "ok" {
		return
	}
	m.took.WithLabelValues(a.Model).Observe(a.Took.Seconds())
	m.waited.WithLabelValues(classStudent).Observe(a.Waited.Seconds())
	m.cached.WithLabelValues(a.Adapter).Add(float64(a.Cached))
	m.prompt.WithLabelValues(a.Adapter).Add(float64(a.Prompt))
	m.letters.WithLabelValues(a.Model, a.Method, a.Letter).Inc()
	if !a.Scored {
		return
	}
	m.sure.WithLabelValues(a.Model).Observe(a.Confidence)
	if a.Tied {
		m.tied.WithLabelValues(a.Model).Inc()
	}
}

// classStudent is the only class of questions until evaluations share the queue.
const classStudent = "student"

// WatchEngine exports, at each scrape, whether the engine is up and how many of its calls are in flight.
func (m *Metrics) WatchEngine(name string, up func() bool, inFlight func() int) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sat_engine_up", Help: "1 while the engine is ready to answer.",
			ConstLabels: prometheus.Labels{"engine": name}}, func() float64 {
			if up() {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sat_engine_inflight", Help: "Engine calls in flight."}, func() float64 { return float64(inFlight()) }))
}

// WatchQueue exports, at each scrape, how many questions wait for a place at the engine.
func (m *Metrics) WatchQueue(depth func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sat_queue_depth", Help: "Questions that wait for a place at the engine.",
		ConstLabels: prometheus.Labels{"class": classStudent}}, func() float64 { return float64(depth()) }))
}

// Embedded notes one call of the embedding server.
func (m *Metrics) Embedded(result string, took time.Duration) {
	m.embedded.WithLabelValues(result).Observe(took.Seconds())
}

// WatchEmbeddings exports the calls of the embedding server and, at each scrape, how many items of the question bank are in
// which state: stored, waiting or refused.
func (m *Metrics) WatchEmbeddings(items func() map[string]int) {
	m.registry.MustRegister(m.embedded)
	for state := range items() {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sat_embedding_items", Help: "Items of the question bank by whether their vector is stored, waited for, or refused by the model.",
			ConstLabels: prometheus.Labels{"state": state}}, func() float64 { return float64(items()[state]) }))
	}
}

// Handler serves the registry in Prometheus' text format, at /metrics alone.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry}))
	return mux
}
