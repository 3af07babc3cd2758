package sat

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAChoiceOfItemsIsReadByName(t *testing.T) {
	given := map[string]string{"q": "lamp", "framework": "Digital", "domain": "ini", "skill": "coe-t", "genre": "history", "difficulty": "h",
		"split": "val", "licence": CC0, "tag": "week_1", "passage": "ferry"}
	f, err := ParseItemFilter(func(name string) string { return given[name] })
	require.NoError(t, err)
	assert.Equal(t, ItemFilter{Words: "lamp", Framework: Digital, Domain: InformationAndIdeas, Skill: TextualEvidence, Genre: History,
		Difficulty: Hard, Split: ForTuning, Licence: CC0, Tag: "week_1", PassageID: "ferry"}, f)
	none, err := ParseItemFilter(func(string) string { return "" })
	require.NoError(t, err)
	assert.Zero(t, none)
	for _, name := range ItemFilterNames() {
		if name == "q" || name == "licence" {
			continue
		}
		_, err := ParseItemFilter(func(asked string) string { return map[string]string{name: "No such thing!"}[asked] })
		var wrong *Error
		require.True(t, errors.As(err, &wrong), name)
		assert.Equal(t, Invalid, wrong.Code)
		require.Len(t, wrong.Fields, 1)
		assert.Equal(t, name, wrong.Fields[0].Field)
	}
}
