package openaicompat

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"sattutor/internal/engine"
)

// candidates are those of the first position of a choice's "logprobs", best first.
type candidates []engine.Token

// UnmarshalJSON implements [json.Unmarshaler]. A server that has none writes null.
func (c *candidates) UnmarshalJSON(b []byte) error {
	var positions struct {
		Content []struct {
			TopLogprobs []candidate `json:"top_logprobs"`
		} `json:"content"`
	}
	if err := json.Unmarshal(b, &positions); err != nil {
		return err
	}
	if len(positions.Content) == 0 {
		return nil
	}
	list := make(candidates, 0, len(positions.Content[0].TopLogprobs))
	for _, read := range positions.Content[0].TopLogprobs {
		if read.Logprob != nil { // null stands for minus infinity
			list = append(list, read.token())
		}
	}
	*c = list
	return list.order()
}

// candidate is one entry, as a server writes it.
type candidate struct {
	ID      *int     `json:"id"`
	Token   string   `json:"token"`
	Logprob *float64 `json:"logprob"`
}

// token reads the entry: llama-server writes the id beside the token's text, vLLM instead of it, as "token_id:49". The
// bytes are no help: vLLM spells the name in them.
func (c candidate) token() engine.Token {
	if c.ID != nil {
		return engine.Token{ID: *c.ID, Text: c.Token, Logprob: *c.Logprob}
	}
	if digits, ok := strings.CutPrefix(c.Token, "token_id:"); ok {
		if id, err := strconv.Atoi(digits); err == nil {
			return engine.Token{ID: id, Logprob: *c.Logprob}
		}
	}
	return engine.Token{ID: -1, Text: c.Token, Logprob: *c.Logprob}
}

// order sorts best first, equal ones by id and text so that the order never depends on the server's, and refuses what
// is no logarithm of a probability.
func (c candidates) order() error {
	const rounding = 1e-3
	slices.SortFunc(c, func(a, b engine.Token) int {
		return cmp.Or(cmp.Compare(b.Logprob, a.Logprob), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Text, b.Text))
	})
	if len(c) > 0 && c[0].Logprob > rounding {
		return errors.New("log-probability above 0")
	}
	return nil
}
