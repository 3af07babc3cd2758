package enginetest

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"sattutor/internal/engine"
)

// answer runs a whole request without taking time.
func (o *oracle) answer(req engine.Request) engine.Response {
	asked := read(req.Model, req.Messages)
	candidates := o.candidates(asked)
	whole := o.text(asked, candidates[0])
	if req.Schema != nil {
		whole = instance(req.Schema, candidates[0].Text)
	}
	text, n, finish := cut(whole, req.MaxTokens)
	resp := engine.Response{
		Model:        req.Model,
		Text:         text,
		FinishReason: finish,
		Usage:        engine.Usage{Prompt: promptTokens(req.Messages), Completion: n},
		Fingerprint:  "enginetest-1",
	}
	if len(req.LogprobIDs) > 0 {
		resp.First = logprobs(candidates, req.LogprobIDs)
		slices.SortStableFunc(resp.First, func(a, b engine.Token) int {
			if a.Logprob > b.Logprob {
				return -1
			}
			return 1
		})
	}
	return resp
}

// cut ends text after limit tokens, as an engine does.
func cut(text string, limit int) (part string, tokens int, finish string) {
	pieces := split(text)
	if len(pieces) > limit {
		return strings.Join(pieces[:limit], ""), limit, "length"
	}
	return text, len(pieces) + 1, "stop" // the end is a token too
}

// promptTokens counts a prompt with three tokens of the chat template around each message.
func promptTokens(messages []engine.Message) int {
	n := 3
	for _, m := range messages {
		n += 3 + len(split(m.Content))
	}
	return n
}

// restrict keeps the choices of a structured output alone and renormalises over them; what is no choice falls to
// vLLM's floor.
func restrict(candidates []engine.Token, choices []string) []engine.Token {
	const floor = -9999
	var sum float64
	for _, t := range candidates {
		if slices.Contains(choices, t.Text) {
			sum += math.Exp(t.Logprob)
		}
	}
	if sum == 0 {
		return candidates
	}
	var kept, others []engine.Token
	for _, t := range candidates {
		if slices.Contains(choices, t.Text) {
			t.Logprob -= math.Log(sum)
			kept = append(kept, t)
		} else {
			t.Logprob = floor
			others = append(others, t)
		}
	}
	return append(kept, others...)
}

// schema is the part of JSON Schema that a test engine obeys.
type schema struct {
	Type       any               `json:"type"`
	Enum       []json.RawMessage `json:"enum"`
	Properties json.RawMessage   `json:"properties"`
	Items      json.RawMessage   `json:"items"`
}

// instance writes the smallest text that obeys a schema, with prefer wherever an enum offers it, and with vLLM's free
// white space.
func instance(raw json.RawMessage, prefer string) string {
	var s schema
	if json.Unmarshal(raw, &s) != nil {
		return "{}"
	}
	if len(s.Enum) > 0 {
		wanted := `"` + prefer + `"`
		if slices.ContainsFunc(s.Enum, func(e json.RawMessage) bool { return string(e) == wanted }) {
			return wanted
		}
		return string(s.Enum[0])
	}
	switch s.Type {
	case "object":
		return object(s.Properties, prefer)
	case "array":
		if s.Items == nil {
			return "[]"
		}
		return "[" + instance(s.Items, prefer) + "]"
	case "integer", "number":
		return "1"
	case "boolean":
		return "true"
	case "null":
		return "null"
	}
	return `"a text of a test engine"`
}

// object writes every property, in the order of the schema.
func object(properties json.RawMessage, prefer string) string {
	dec := json.NewDecoder(strings.NewReader(string(properties)))
	var members []string
	for {
		token, err := dec.Token()
		if err != nil {
			break
		}
		if _, ok := token.(json.Delim); ok {
			continue
		}
		name, ok := token.(string)
		var value json.RawMessage
		if !ok || dec.Decode(&value) != nil {
			break
		}
		quoted, _ := json.Marshal(name)
		members = append(members, string(quoted)+": "+instance(value, prefer))
	}
	return "{ " + strings.Join(members, ", ") + " }"
}
