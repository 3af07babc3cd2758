package shipped

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/sat"
)

// reading is the record of somebody who answered the questions without having seen a key.
type reading struct {
	Reader  string `json:"reader"` // who, and what they were given
	Date    string `json:"date"`
	Answers map[string]struct {
		Asked   string `json:"asked"`  // digest of what was read: a question changed since needs another reading
		Answer  string `json:"answer"` // the letter
		Because string `json:"because"`
	} `json:"answers"`
}

// asked gives the digest of what a reader of an item is shown.
func asked(it sat.Item) string {
	q := it.Asked()
	parts := []string{q.Passage, q.Stem}
	for i := range q.Choices {
		parts = append(parts, q.Labelled(i))
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:8])
}

func TestASecondReadingFoundEveryKey(t *testing.T) {
	data, err := os.ReadFile("second_reading.json")
	require.NoError(t, err)
	var second reading
	require.NoError(t, json.Unmarshal(data, &second))
	assert.NotEmpty(t, second.Reader)
	assert.NotEmpty(t, second.Date)
	all := bank(t)
	for _, it := range all {
		found, ok := second.Answers[it.ID]
		if !assert.True(t, ok, "%s was not read", it.ID) {
			continue
		}
		assert.Equal(t, asked(it), found.Asked, "%s has changed since it was read", it.ID)
		assert.Equal(t, it.Answer, found.Answer, "%s: the key is not what the reader found: %s", it.ID, found.Because)
		assert.NotEmpty(t, found.Because, it.ID)
	}
	assert.Len(t, second.Answers, len(all), "an answer to no question")
}
