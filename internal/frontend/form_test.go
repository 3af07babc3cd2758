package frontend

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// TestAFormReturnsWhatWasTyped: any question survives the way through the form, whatever its texts.
func TestAFormReturnsWhatWasTyped(t *testing.T) {
	text := rapid.StringOf(rapid.RuneFrom([]rune("ab \n<>&\"'é\u202e{}")))
	rapid.Check(t, func(t *rapid.T) {
		q := api.MCQRequest{Text: text.Draw(t, "text"), Question: text.Draw(t, "question"),
			Choices: rapid.SliceOfN(rapid.StringMatching(`[a-z<"][a-z \n]{0,9}`), 0, sat.MaxChoices).Draw(t, "choices")}
		sent := url.Values{"text": {crlf(q.Text)}, "question": {crlf(q.Question)}, "fifth": {""}}
		for _, c := range q.Choices {
			sent["choice"] = append(sent["choice"], crlf(c))
		}
		parsed, err := url.ParseQuery(sent.Encode())
		require.NoError(t, err)
		got := formOf(parsed)
		assert.Equal(t, q.Text, got.request().Text)
		assert.Equal(t, q.Question, got.request().Question)
		assert.True(t, slices.Equal(q.Choices, got.request().Choices))
		assert.Equal(t, got.request(), formFrom(got.request(), "").request())
		assert.Equal(t, len(q.Choices) == sat.MaxChoices, got.Fifth)
	})
}

// crlf writes line ends as browsers send them.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func TestOnlyChoicesAtTheEndAreLeftOut(t *testing.T) {
	for _, c := range []struct {
		name    string
		choices []string
		want    int
	}{
		{"all four", []string{"a", "b", "c", "d", ""}, 4},
		{"five", []string{"a", "b", "c", "d", "e"}, 5},
		{"two", []string{"a", "b", " ", "\n", ""}, 2},
		{"a gap is kept, for the backend to name", []string{"a", "", "c", "", ""}, 3},
		{"none", []string{"", "", "", "", ""}, 0},
		{"more than five are cut", []string{"a", "b", "c", "d", "e", "f"}, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Len(t, formOf(url.Values{"choice": c.choices}).request().Choices, c.want)
		})
	}
}

func TestLooksWhole(t *testing.T) {
	for text, want := range map[string]bool{
		"Passage.\nQuestion?\nA) one\nB) two": true,
		"P.\n(A) one\n(B) two":                true,
		"P.\n A. one\nrest\n B. two":          true,
		"A story of A and B) in one line":     false,
		"B) first\nA) second":                 false,
		"A) one":                              false,
		"":                                    false,
	} {
		assert.Equal(t, want, form{Passage: text}.looksWhole(), text)
	}
}

func TestFigures(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 20341: "20,341", 1234567: "1,234,567", -4096: "-4,096"} {
		assert.Equal(t, want, grouped(n))
	}
	for ms, want := range map[float64]string{0: "less than 0.1 s", 99: "less than 0.1 s", 312: "0.3 s", 9940: "9.9 s", 42_300: "42 s"} {
		assert.Equal(t, want, seconds(ms))
	}
}

// TestSamples: own texts, each with a licence, a source, four choices, and lines that fit a phone.
func TestSamples(t *testing.T) {
	list, err := loadSamples()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(list), 3)
	for _, s := range list {
		assert.Equal(t, "CC0-1.0", s.Licence, s.ID)
		assert.NotEmpty(t, s.Source, s.ID)
		assert.Len(t, s.Choices, 4, s.ID)
		assert.NotEmpty(t, s.Evidence, s.ID)
		for _, l := range s.Passage {
			assert.LessOrEqual(t, len([]rune(l)), 42, s.ID)
		}
		assert.NotContains(t, s.request().Text, s.Why)
	}
	x := list[0].example()
	assert.Equal(t, 5, x.Lines[4].Number)
	assert.Equal(t, 0, x.Lines[5].Number)
	assert.Equal(t, []part{{"in February ", false}, {"she left a jar of lamp oil", true}}, x.Lines[6].Parts)
}

func TestSamplesAreChecked(t *testing.T) {
	good := sample{Passage: []string{"One line."}, Question: "Q?", Choices: []string{"a", "b"}, Key: "B", Evidence: []evidence{{1, "One"}}}
	require.NoError(t, good.check())
	for name, change := range map[string]func(*sample){
		"no passage":        func(s *sample) { s.Passage = nil },
		"key out of range":  func(s *sample) { s.Key = "C" },
		"no such line":      func(s *sample) { s.Evidence = []evidence{{2, "One"}} },
		"quote not in line": func(s *sample) { s.Evidence = []evidence{{1, "Two"}} },
	} {
		s := good
		change(&s)
		assert.Error(t, s.check(), name)
	}
}
