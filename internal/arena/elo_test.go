package arena

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// played is a short history with every oddity of real feedback: a model against itself, a rating as text, two answers
// beside the rated one, none at all.
const played = `[
	{"id":"1","created_at":1,"data":{"model_id":"lora","rating":1,"sibling_model_ids":["base"]}},
	{"id":"2","created_at":2,"data":{"model_id":"lora","rating":1,"sibling_model_ids":["base"]}},
	{"id":"3","created_at":3,"data":{"model_id":"base","rating":1,"sibling_model_ids":["lora"]}},
	{"id":"4","created_at":4,"data":{"model_id":"lora","rating":"1","sibling_model_ids":["lora"]}},
	{"id":"5","created_at":5,"data":{"model_id":"lora","rating":-1,"sibling_model_ids":["base","base"]}},
	{"id":"6","created_at":6,"data":{"model_id":"lora","rating":1,"sibling_model_ids":null}},
	{"id":"7","created_at":7,"data":{"model_id":"base","rating":"-1","sibling_model_ids":["lora"]}}]`

func TestEloIsOpenWebUIs(t *testing.T) {
	ratings := FeedbackRatings(feedback(t, played))
	require.Len(t, ratings, 7)
	table := Elo(ratings)
	require.Len(t, table, 2)
	base, lora := table[0], table[1]
	assert.Equal(t, "base", base.Model)
	assert.InDelta(t, 1002.9316498066712, base.Rating, 1e-9)
	assert.InDelta(t, 997.0683501933286, lora.Rating, 1e-9)
	assert.Equal(t, []int{3, 3, 4, 4}, []int{base.Won, base.Lost, lora.Won, lora.Lost})
	assert.Equal(t, []int{1003, 997}, []int{base.Rounded(), lora.Rounded()})

	slices.Reverse(ratings)
	table = Elo(ratings)
	assert.Equal(t, "lora", table[0].Model)
	assert.InDelta(t, 1004.3301190174838, table[0].Rating, 1e-9)
	assert.InDelta(t, 995.6698809825162, table[1].Rating, 1e-9)
}

// The leaderboard that the recorded Open WebUI printed for the recorded feedback says 1014 and 986.
func TestEloOfTheRecordedFeedback(t *testing.T) {
	table := Elo(FeedbackRatings(recorded(t)))
	require.Len(t, table, 2)
	assert.InDelta(t, 1013.565, table[0].Rating, 5e-4)
	assert.InDelta(t, 986.435, table[1].Rating, 5e-4)
	assert.Equal(t, Standing{"sat-lora", table[0].Rating, 4, 3}, table[0])
	assert.Equal(t, Standing{"sat-base", table[1].Rating, 5, 6}, table[1])
	assert.Equal(t, 1014, table[0].Rounded())
	assert.Equal(t, 986, table[1].Rounded())
}

func TestEloRoundsHalfToEven(t *testing.T) {
	assert.Equal(t, 1000, Standing{Rating: 1000.5}.Rounded())
	assert.Equal(t, 1002, Standing{Rating: 1001.5}.Rounded())
}

func TestEloKeepsItsSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		models := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3)
		var ratings []Rating
		for range rapid.IntRange(0, 40).Draw(t, "ratings") {
			ratings = append(ratings, Rating{Model: models.Filter(func(m []string) bool { return len(m) > 0 }).Draw(t, "model")[0],
				Up: rapid.Bool().Draw(t, "up"), Beside: models.Draw(t, "beside")})
		}
		sum, won, lost := 0.0, 0, 0
		table := Elo(ratings)
		for _, s := range table {
			sum, won, lost = sum+s.Rating, won+s.Won, lost+s.Lost
		}
		assert.InDelta(t, eloStart*float64(len(table)), sum, 1e-6)
		assert.Equal(t, won, lost)
	})
}
