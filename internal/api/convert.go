package api

import (
	"time"

	"sattutor/internal/sat"
)

// Domain gives the request as the domain's question, unvalidated and as typed.
func (r MCQRequest) Domain() sat.Question {
	return sat.Question{Passage: r.Text, Stem: r.Question, Choices: r.Choices}
}

// FromQuestion gives the API's form of a question.
func FromQuestion(q sat.Question) MCQRequest {
	return MCQRequest{Text: q.Passage, Question: q.Stem, Choices: q.Choices}
}

// FromAnswer gives the API's form of an answer.
func FromAnswer(a sat.Answer, requestID string) Answer {
	out := Answer{
		Letter: a.Letter, Text: a.Text, Answer: a.Choice(), Confidence: a.Confidence, Margin: a.Margin,
		Mode: string(a.Mode), Method: string(a.Method), LetterMass: a.LetterMass, Clipped: a.Clipped, Tied: a.Tied,
		Raw: a.Raw, Model: a.Model, Base: a.Base, Adapter: a.Adapter, AdapterSHA256: a.AdapterSHA256,
		Precision: a.Precision, Template: a.Template, PromptHash: a.PromptHash, PriorID: a.PriorID, Temperature: a.Temperature, Seed: a.Seed,
		Quality: string(a.Quality), QualityNote: a.QualityNote, Seen: a.Seen,
		Usage:    Usage{Prompt: a.Usage.Prompt, Cached: a.Usage.Cached, Completion: a.Usage.Completion},
		EngineMS: milliseconds(a.Engine), TotalMS: milliseconds(a.Total), RequestID: requestID,
	}
	if a.Scores != nil {
		out.Scores = make(map[string]float64, len(a.Scores))
		for i, s := range a.Scores {
			out.Scores[sat.Letter(i)] = s
		}
	}
	return out
}

// FromModel gives the API's form of a model record; the caller adds what only the engine knows.
func FromModel(m sat.Model) Model {
	out := Model{
		Name: m.Name, Record: m.Record, Base: m.Base, Revision: m.Revision, Adapter: m.Adapter, AdapterSHA256: m.AdapterSHA256,
		Precision: m.Precision, Licence: m.Licence, Method: string(m.Method), Template: m.Template, Quality: string(m.Quality),
		QualityNote: m.QualityNote, PriorID: m.PriorID, Temperature: m.Temperature,
	}
	for _, e := range m.Evaluations {
		out.Evaluations = append(out.Evaluations, Evaluation{
			Pool: e.Pool, DataHash: e.DataHash, Method: string(e.Method), Template: e.Template, Correct: e.Correct,
			N: e.N, Low: e.Low, High: e.High, ECE: e.ECE, Date: e.Date, Verdict: e.Verdict,
			Mode: string(e.Mode), Base: e.Base, Precision: e.Precision, Engine: e.Engine,
		})
	}
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Domain gives the answer as the backend's tutor gave it.
func (a Answer) Domain() sat.Answer {
	out := sat.Answer{
		Letter: a.Letter, Text: a.Text, Confidence: a.Confidence, Margin: a.Margin, Mode: sat.Mode(a.Mode),
		Method: sat.Method(a.Method), LetterMass: a.LetterMass, Clipped: a.Clipped, Tied: a.Tied, Raw: a.Raw,
		Model: a.Model, Base: a.Base, Adapter: a.Adapter, AdapterSHA256: a.AdapterSHA256, Precision: a.Precision,
		Template: a.Template, PromptHash: a.PromptHash, PriorID: a.PriorID, Temperature: a.Temperature, Seed: a.Seed,
		Quality: sat.Quality(a.Quality), QualityNote: a.QualityNote, Seen: a.Seen,
		Usage:  sat.Usage{Prompt: a.Usage.Prompt, Cached: a.Usage.Cached, Completion: a.Usage.Completion},
		Engine: duration(a.EngineMS), Total: duration(a.TotalMS),
	}
	if a.Scores != nil {
		out.Scores = make([]float64, len(a.Scores))
		for i := range out.Scores {
			out.Scores[i] = a.Scores[sat.Letter(i)]
		}
	}
	return out
}

// Domain gives the record as the backend's registry has it, without the evaluations.
func (m Model) Domain() sat.Listed {
	return sat.Listed{
		Model: sat.Model{Name: m.Name, Record: m.Record, Base: m.Base, Revision: m.Revision, Adapter: m.Adapter, AdapterSHA256: m.AdapterSHA256,
			Precision: m.Precision, Licence: m.Licence, Method: sat.Method(m.Method), Template: m.Template,
			Quality: sat.Quality(m.Quality), QualityNote: m.QualityNote, PriorID: m.PriorID, Temperature: m.Temperature},
		Default: m.Default, Available: m.Available, ContextTokens: m.ContextTokens,
	}
}

func duration(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
