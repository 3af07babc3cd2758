package retrieval

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// Embed turns texts into vectors, one each, all of one length. An error that is [ErrTooLong] is about one of the texts,
// any other about the model or the way to it.
type Embed func(ctx context.Context, texts []string) ([][]float32, error)

// ErrTooLong says that a text is longer than the model takes.
var ErrTooLong = errors.New("the text is longer than the model takes")

// Bounds of what is embedded.
const (
	longestText  = 16_000 // characters that are sent of a text
	shortestText = 64     // characters below which a text is not cut any more
)

// Embedder makes the vectors of texts by one model.
type Embedder struct {
	Model  string // names the vectors that are stored: another model needs another name
	AtOnce int    // texts of one call
	Embed  Embed
}

// vectors gives the vectors of texts in their order, and tells after each call how many are done. Of a text that is too
// long its beginning is taken; where the model makes nothing of a text at all, its vector is nil.
func (e Embedder) vectors(ctx context.Context, texts []string, each func(made [][]float32) error) error {
	for at := 0; at < len(texts); at += e.AtOnce {
		part := texts[at:min(at+e.AtOnce, len(texts))]
		made, err := e.call(ctx, part)
		if errors.Is(err, ErrTooLong) {
			made, err = e.singly(ctx, part)
		}
		if err != nil {
			return err
		}
		if err := each(made); err != nil {
			return err
		}
	}
	return nil
}

// call embeds texts at once.
func (e Embedder) call(ctx context.Context, texts []string) ([][]float32, error) {
	cut := make([]string, len(texts))
	for i, text := range texts {
		cut[i] = beginning(text, longestText)
	}
	made, err := e.Embed(ctx, cut)
	if err != nil {
		return nil, err
	}
	if len(made) != len(texts) {
		return nil, fmt.Errorf("%d vectors for %d texts", len(made), len(texts))
	}
	for i, v := range made {
		if made[i], err = normal(v); err != nil {
			made[i] = nil
		}
	}
	return made, nil
}

// singly embeds texts of which one at least is too long, and takes half of each until it fits.
func (e Embedder) singly(ctx context.Context, texts []string) ([][]float32, error) {
	made := make([][]float32, len(texts))
	for i, text := range texts {
		for length := min(len([]rune(text)), longestText); length >= shortestText; length /= 2 {
			one, err := e.call(ctx, []string{beginning(text, length)})
			if errors.Is(err, ErrTooLong) {
				continue
			}
			if err != nil {
				return nil, err
			}
			made[i] = one[0]
			break
		}
	}
	return made, nil
}

// beginning gives the first n characters of a text.
func beginning(text string, n int) string {
	if len(text) <= n {
		return text
	}
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n])
	}
	return text
}

// keyOf names a text, so that a vector of another text is told from it.
func keyOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "t-" + hex.EncodeToString(sum[:16])
}
