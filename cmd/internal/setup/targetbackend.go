package setup

import (
	"context"
	"fmt"

	"sattutor/internal/api"
	"sattutor/internal/apiclient"
	"sattutor/internal/config"
	"sattutor/internal/eval"
	"sattutor/internal/sat"
)

// OpenBackendTarget opens a running backend as what an evaluation asks: the figures are those of what students get.
func OpenBackendTarget(ctx context.Context, cfg config.Config) (*Target, error) {
	client, err := apiclient.New(apiclient.Options{BaseURL: cfg.BackendURL, Secret: cfg.APIKey.Reveal(), Timeout: NewDeadlines(cfg).Frontend})
	if err != nil {
		return nil, err
	}
	reach, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	version, err := client.Version(reach)
	if err != nil {
		return nil, fmt.Errorf("the backend at %s does not answer: %w", client.BaseURL(), err)
	}
	listed, err := client.Models(reach)
	if err != nil {
		return nil, fmt.Errorf("the backend at %s does not list its models: %w", client.BaseURL(), err)
	}
	t := &Target{shelf: OpenShelf(cfg), Engine: eval.EngineInfo{Name: "sat-backend", Version: version.Version, Endpoint: "backend"},
		Close: func(context.Context) error { return nil }}
	for _, m := range listed {
		if m.Available {
			t.Models = append(t.Models, m.Domain())
		}
	}
	t.Answerer = backendAnswerer{client, t}
	return t, nil
}

// backendAnswerer asks a backend over HTTP.
type backendAnswerer struct {
	client *apiclient.Client
	target *Target
}

// Answer implements [eval.Answerer].
func (b backendAnswerer) Answer(ctx context.Context, q sat.Question, o eval.Options) (sat.Answer, error) {
	if err := b.offers(o); err != nil {
		return sat.Answer{}, err
	}
	store := false // a measurement is nobody's history
	a, err := b.client.Answer(ctx, api.AnswerRequest{MCQRequest: api.FromQuestion(q), Model: o.Model, Mode: string(o.Mode), Store: &store})
	if err != nil {
		return sat.Answer{}, err
	}
	return a.Domain(), nil
}

// offers refuses what the backend's API cannot be asked for: it answers by the model's record.
func (b backendAnswerer) offers(o eval.Options) error {
	m, err := b.target.Model(o.Model)
	if err != nil {
		return sat.Errorf(sat.Invalid, "%s", err)
	}
	const instead = "; measure it on the engine itself with --engine URL"
	switch {
	case o.Method != "" && o.Method != m.Method:
		return sat.Errorf(sat.Invalid, "the backend asks %s by method %s%s", m.Name, m.Method, instead)
	case o.Template != "" && o.Template != m.Template:
		return sat.Errorf(sat.Invalid, "the backend asks %s by template %s%s", m.Name, m.Template, instead)
	case o.Uncalibrated && (m.PriorID != "" || m.Temperature != 0 && m.Temperature != 1):
		return sat.Errorf(sat.Invalid, "the backend gives calibrated scores of %s%s", m.Name, instead)
	}
	return nil
}
