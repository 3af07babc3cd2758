package openaicompat

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"sattutor/internal/engine"
)

// logprobs is the member of that name of a choice; null where a server has none. Of the positions only the first is read.
type logprobs struct {
	Content [1]struct {
		TopLogprobs []candidate `json:"top_logprobs"`
	} `json:"content"`
}

// first gives the candidates at the first position, best first; nil where there are none. Equal ones are ordered by id
// and text, so that the order never depends on the server's. What is no logarithm of a probability is refused.
func (l logprobs) first() ([]engine.Token, error) {
	const rounding = 1e-3
	if l.Content[0].TopLogprobs == nil {
		return nil, nil
	}
	list := make([]engine.Token, 0, len(l.Content[0].TopLogprobs))
	for _, read := range l.Content[0].TopLogprobs {
		if read.Logprob.known {
			list = append(list, read.token())
		}
	}
	slices.SortFunc(list, func(a, b engine.Token) int {
		return cmp.Or(cmp.Compare(b.Logprob, a.Logprob), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Text, b.Text))
	})
	if len(list) > 0 && list[0].Logprob > rounding {
		return nil, errors.New("log-probability above 0")
	}
	return list, nil
}

// candidate is one entry, as a server writes it.
type candidate struct {
	ID      *int    `json:"id"`
	Token   string  `json:"token"`
	Logprob logprob `json:"logprob"`
}

// logprob is a log-probability; null stands for minus infinity, and is not known.
type logprob struct {
	value float64
	known bool
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *logprob) UnmarshalJSON(b []byte) (err error) {
	if string(b) == "null" {
		return nil
	}
	l.value, err = strconv.ParseFloat(string(b), 64)
	l.known = err == nil
	return err
}

// token reads the entry: llama-server writes the id beside the token's text, vLLM instead of it, as "token_id:49". The
// bytes are no help: vLLM spells the name in them.
func (c candidate) token() engine.Token {
	if c.ID != nil {
		return engine.Token{ID: *c.ID, Text: c.Token, Logprob: c.Logprob.value}
	}
	if digits, ok := strings.CutPrefix(c.Token, "token_id:"); ok {
		if id, err := strconv.Atoi(digits); err == nil {
			return engine.Token{ID: id, Logprob: c.Logprob.value}
		}
	}
	return engine.Token{ID: -1, Text: c.Token, Logprob: c.Logprob.value}
}
