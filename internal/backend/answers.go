package backend

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sattutor/internal/api"
	"sattutor/internal/middleware"
	"sattutor/internal/sat"
)

// describeAnswers adds the two calls of the hot path to the document. They are plain handlers: huma's way through a
// request costs more allocations than the rest of the handler together.
func describeAnswers(doc *huma.OpenAPI) {
	describe[api.MCQRequest, api.MCQResponse](doc, &huma.Operation{
		OperationID: "submit-mcq", Method: http.MethodPost, Path: "/submit_mcq", Tags: []string{"Original contract"},
		Summary:     "Answer a question",
		Description: "The original's call. Headers tell the model, its confidence and the quality of its answers.",
	})
	describe[api.AnswerRequest, api.Answer](doc, &huma.Operation{
		OperationID: "create-answer", Method: http.MethodPost, Path: "/api/v1/answers", Tags: []string{"Answers"},
		Summary:     "Answer a question, with everything known of the answer",
		Description: "Scores of all choices, the model and the prompt behind them, and what the answer is worth.",
	})
}

// submitMCQ is POST /submit_mcq.
func (s *Server) submitMCQ(w http.ResponseWriter, r *http.Request) error {
	body := api.MCQRequest{Choices: make([]string, 0, sat.MaxChoices)}
	if err := decode(r, &body); err != nil {
		return err
	}
	a, err := s.answer(w, r, body.Domain(), sat.Options{})
	if err != nil {
		return err
	}
	return writeJSON(w, api.MCQResponse{Answer: a.Choice()})
}

// createAnswer is POST /api/v1/answers.
func (s *Server) createAnswer(w http.ResponseWriter, r *http.Request) error {
	body := api.AnswerRequest{MCQRequest: api.MCQRequest{Choices: make([]string, 0, sat.MaxChoices)}}
	if err := decode(r, &body); err != nil {
		return err
	}
	opts := sat.Options{Model: body.Model, Mode: sat.Mode(body.Mode)}
	if body.Store != nil && !*body.Store {
		r = r.WithContext(sat.WithReceipt(r.Context(), &sat.Receipt{Skip: true}))
	}
	a, err := s.answer(w, r, body.Domain(), opts)
	if err != nil {
		return err
	}
	return writeJSON(w, api.FromAnswer(a, middleware.IDOf(r.Context())))
}

// answer asks the tutor, and tells in headers and in the log what the bodies do not say.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, q sat.Question, opts sat.Options) (sat.Answer, error) {
	ctx, receipt := r.Context(), sat.ReceiptOf(r.Context())
	if receipt == nil && s.opts.Records != nil {
		receipt = &sat.Receipt{Source: sourceOf(r)}
		ctx = sat.WithReceipt(ctx, receipt)
	}
	a, err := s.opts.Answers.Answer(ctx, q, opts)
	if err != nil {
		return sat.Answer{}, err
	}
	if receipt != nil && receipt.ID != "" {
		w.Header().Set(api.HeaderStored, receipt.ID)
	}
	header, values := w.Header(), []string{a.Model, string(a.Quality), timing(a), strconv.FormatFloat(a.Confidence, 'f', 4, 64)}
	header[api.HeaderModel] = values[0:1:1]
	header[api.HeaderQuality] = values[1:2:2]
	header[headerTiming] = values[2:3:3]
	if a.Scores != nil {
		header[api.HeaderConfidence] = values[3:4:4]
	}
	if adapter := a.AdapterEdition(); adapter != "" {
		header.Set(api.HeaderAdapter, adapter)
	}
	middleware.Note(r.Context(), slog.String("model", a.Model), slog.String("adapter", a.Adapter), slog.String("result", "ok"))
	return a, nil
}

// sourceOf names the face of the API that was asked.
func sourceOf(r *http.Request) string {
	switch {
	case strings.HasPrefix(r.URL.Path, gatewayPrefix):
		return "v1"
	case r.URL.Path == "/submit_mcq":
		return "submit_mcq"
	}
	return "answers"
}

// headerTiming tells the browser's tools where the time went.
const headerTiming = "Server-Timing"

// timing gives the times of an answer in milliseconds: "engine;dur=312.4, total;dur=313.0".
func timing(a sat.Answer) string {
	b := make([]byte, 0, 48)
	b = append(b, "engine;dur="...)
	b = strconv.AppendFloat(b, float64(a.Engine.Microseconds())/1000, 'f', 1, 64)
	b = append(b, ", total;dur="...)
	b = strconv.AppendFloat(b, float64(a.Total.Microseconds())/1000, 'f', 1, 64)
	return string(b)
}

func writeJSON(w http.ResponseWriter, body any) error {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return &refusal{status: clientGone, code: "client_gone", cause: err}
	}
	return nil
}
