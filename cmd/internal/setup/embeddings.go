package setup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sattutor/internal/config"
	"sattutor/internal/engine"
	"sattutor/internal/engine/openaicompat"
	"sattutor/internal/retrieval"
	"sattutor/internal/telemetry"
)

// embeddings are the vectors that the configured service makes for the question bank. It is another server than the
// engine, and the way to it leads past the tutor: nothing of what it finds can come into a prompt.
type embeddings struct {
	client  *openaicompat.Client
	model   string
	metrics *telemetry.Metrics // nil for none
	traces  *telemetry.Traces  // nil for none
}

// openEmbeddings gives the configured service, nil where none is.
func openEmbeddings(cfg config.Config) *embeddings {
	if cfg.EmbeddingURL == "" {
		return nil
	}
	client := openaicompat.New(openaicompat.Options{BaseURL: cfg.EmbeddingURL, Key: cfg.EmbeddingKey.Reveal(), MaxConcurrent: 4,
		Timeout: func() time.Duration { return cfg.EmbeddingTimeout }, Trace: telemetry.Traceparent})
	return &embeddings{client: client, model: cfg.EmbeddingModel}
}

// watchEmbeddings has the calls of the service counted and traced, and exports how far the bank is embedded.
func watchEmbeddings(e *embeddings, f *retrieval.Finder, metrics *telemetry.Metrics, traces *telemetry.Traces) {
	if e == nil {
		return
	}
	e.metrics, e.traces = metrics, traces
	metrics.WatchEmbeddings(func() map[string]int {
		c := f.Counts()
		return map[string]int{"stored": c.Stored, "waiting": c.Waiting, "refused": c.Refused}
	})
}

// close drops the idle connections.
func (e *embeddings) close() {
	if e != nil {
		e.client.Close()
	}
}

// embedder gives what makes the vectors, nil where no service is configured.
func (e *embeddings) embedder() *retrieval.Embedder {
	if e == nil {
		return nil
	}
	return &retrieval.Embedder{Model: e.model, AtOnce: openaicompat.MaxEmbed, Embed: e.embed}
}

// embed implements [retrieval.Embed].
func (e *embeddings) embed(ctx context.Context, texts []string) ([][]float32, error) {
	begun := time.Now()
	end := func(int, string) {}
	if e.traces != nil {
		ctx, end = e.traces.Embeddings(ctx, e.model, len(texts))
	}
	vectors, err := e.client.Embed(ctx, e.model, texts)
	result, length := "ok", 0
	var failed *engine.Error
	switch {
	case errors.As(err, &failed):
		result = string(failed.Kind)
	case err == nil:
		length = len(vectors[0])
	}
	end(length, result)
	if e.metrics != nil {
		e.metrics.Embedded(result, time.Since(begun))
	}
	if failed != nil && failed.Kind == engine.TooLarge {
		return nil, errors.Join(retrieval.ErrTooLong, err)
	}
	return vectors, err
}

// ErrNoEmbeddings says that no embedding model is configured.
var ErrNoEmbeddings = errors.New("no embedding model is configured; set SAT_EMBEDDING_URL and SAT_EMBEDDING_MODEL")

// EmbedBank brings the stored vectors of the configured bank up to date, and tells how many it has made of how many.
func EmbedBank(ctx context.Context, cfg config.Config, shelf retrieval.Shelf, each func(made, of int)) (retrieval.Counts, error) {
	e := openEmbeddings(cfg)
	if e == nil {
		return retrieval.Counts{}, ErrNoEmbeddings
	}
	defer e.close()
	f := retrieval.NewFinder(shelf, e.embedder(), slog.New(slog.DiscardHandler))
	err := f.Renew(ctx, each)
	return f.Counts(), err
}

// examineEmbeddings asks the configured service for one vector.
func examineEmbeddings(ctx context.Context, cfg config.Config) Finding {
	f := Finding{Verdict: Fine, What: "embeddings at " + cfg.EmbeddingURL}
	cfg.EmbeddingTimeout = min(cfg.EmbeddingTimeout, 5*time.Second)
	e := openEmbeddings(cfg)
	defer e.close()
	vectors, err := e.embed(ctx, []string{"The sea was calm."})
	var failed *engine.Error
	switch {
	case err == nil:
		f.State = fmt.Sprintf("%s makes vectors of %d numbers", cfg.EmbeddingModel, len(vectors[0]))
		return f
	case errors.As(err, &failed) && failed.Kind == engine.Rejected:
		f.Next = "serve an embedding model there (llama-server needs --embedding and a pooling such as --pooling mean)"
	case errors.As(err, &failed) && (failed.Kind == engine.Unauthorized || failed.Kind == engine.UnknownModel):
		f.Next = "correct SAT_EMBEDDING_KEY and SAT_EMBEDDING_MODEL"
	default:
		f.Next = "start it, or correct SAT_EMBEDDING_URL; until then what is alike is found by words"
	}
	f.Verdict, f.State = Missing, err.Error()
	return f
}
