package openaicompat

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"

	"sattutor/internal/engine"
)

// MaxEmbed is how many texts one call of Embed takes: their vectors fit the bound of a reply.
const MaxEmbed = 8

// Embed gives the vectors that a model makes of texts, in their order and all of one length. Errors are *[engine.Error]:
// TooLarge where one of the texts is longer than the model takes, Rejected from a server that makes no embeddings. A
// llama-server answers to any model's name; it serves one model, and this is what the address stands for.
func (c *Client) Embed(ctx context.Context, model string, texts []string) ([][]float32, error) {
	if model == "" || len(texts) == 0 || len(texts) > MaxEmbed {
		return nil, &engine.Error{Kind: engine.Rejected, Err: fmt.Errorf("embeddings need a model and 1 to %d texts", MaxEmbed)}
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	body := struct {
		Model  string   `json:"model"`
		Input  []string `json:"input"`
		Format string   `json:"encoding_format"`
	}{Model: model, Input: texts, Format: "base64"} // a quarter of the digits; who does not know it sends numbers
	var reply struct {
		Data []struct {
			Index  int    `json:"index"`
			Vector vector `json:"embedding"`
		} `json:"data"`
	}
	if err := c.exchange(ctx, http.MethodPost, "/v1/embeddings", body, &reply); err != nil {
		return nil, err
	}
	vectors := make([][]float32, len(texts))
	for _, d := range reply.Data {
		if d.Index < 0 || d.Index >= len(vectors) || vectors[d.Index] != nil || len(d.Vector) == 0 {
			return nil, &engine.Error{Kind: engine.BadOutput, Err: fmt.Errorf("an embedding of no use at %d", d.Index)}
		}
		vectors[d.Index] = d.Vector
	}
	for i, v := range vectors {
		if len(v) == 0 || len(v) != len(vectors[0]) {
			return nil, &engine.Error{Kind: engine.BadOutput, Err: fmt.Errorf("the embedding at %d has %d numbers, the first one %d", i, len(v), len(vectors[0]))}
		}
	}
	return vectors, nil
}

// vector reads an embedding in either of its forms: numbers, or the base64 of 32-bit floats, little-endian.
type vector []float32

// UnmarshalJSON implements [json.Unmarshaler].
func (v *vector) UnmarshalJSON(text []byte) error {
	if len(text) == 0 || text[0] != '"' {
		return json.Unmarshal(text, (*[]float32)(v))
	}
	var coded string
	if err := json.Unmarshal(text, &coded); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(coded)
	if err != nil || len(raw)%4 != 0 {
		return errors.Join(err, errors.New("an embedding is cut off"))
	}
	*v = make(vector, len(raw)/4)
	for i := range *v {
		(*v)[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return nil
}
