package openaicompat

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

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
	Token   name    `json:"token"`
	Logprob logprob `json:"logprob"`
}

// token reads the entry: llama-server writes the id beside the token's text, vLLM instead of it. The bytes are no help:
// vLLM spells the name in them.
func (c candidate) token() engine.Token {
	t := engine.Token{ID: -1, Text: c.Token.text, Logprob: c.Logprob.value}
	switch {
	case c.ID != nil:
		t.ID = *c.ID
	case c.Token.isID:
		t.ID = c.Token.id
	}
	return t
}

// name is a token's text, or its id where "token_id:49" stands in place of the text.
type name struct {
	text string
	id   int
	isID bool
}

// UnmarshalJSON implements [json.Unmarshaler].
func (n *name) UnmarshalJSON(b []byte) error {
	if digits, ok := bytes.CutPrefix(b, []byte(`"token_id:`)); ok {
		if id, err := strconv.Atoi(string(bytes.TrimSuffix(digits, []byte(`"`)))); err == nil {
			n.id, n.isID = id, true
			return nil
		}
	}
	return json.Unmarshal(b, &n.text)
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
