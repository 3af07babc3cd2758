package shipped

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/quotation"
	"sattutor/internal/sat"
)

// bank reads the shipped items, and refuses a field that an item does not have.
func bank(t *testing.T) []sat.Item {
	t.Helper()
	var all []sat.Item
	lines := bufio.NewScanner(Open())
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var item struct {
			V int `json:"v"`
			sat.Item
		}
		d := json.NewDecoder(strings.NewReader(lines.Text()))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&item))
		require.Equal(t, 1, item.V)
		all = append(all, item.Item)
	}
	require.NoError(t, lines.Err())
	return all
}

func key(it sat.Item) sat.Choice { return it.Choices[it.Key()] }

func TestTheBankIsWhatIsPromised(t *testing.T) {
	passages := map[string]sat.Passage{}
	skills, genres, frameworks := map[sat.Skill]int{}, map[sat.Genre]int{}, map[sat.Framework]int{}
	ids := map[string]bool{}
	pairs := 0
	for _, it := range bank(t) {
		assert.False(t, ids[it.ID], "%s twice", it.ID)
		ids[it.ID] = true
		skills[it.Skill]++
		genres[it.Genre]++
		frameworks[it.Framework]++
		pairs += len(it.Passages) - 1
		for _, p := range it.Passages {
			if first, seen := passages[p.ID]; seen {
				assert.Equal(t, first, p, "%s: one id, two passages", p.ID)
			}
			passages[p.ID] = p
		}
		if it.PreviousID != "" {
			assert.True(t, ids[it.PreviousID], "%s: the previous question comes later or is missing", it.ID)
		}
	}
	assert.GreaterOrEqual(t, len(ids), 40)
	assert.GreaterOrEqual(t, len(passages), 10)
	assert.Positive(t, pairs)
	for _, s := range []sat.Skill{"CID", "INF", "COE-T", "WIC", "TSP", "CTC"} {
		assert.GreaterOrEqual(t, skills[s], 5, s)
	}
	for _, g := range sat.Genres() {
		assert.GreaterOrEqual(t, genres[g], 5, g)
	}
	assert.GreaterOrEqual(t, frameworks[sat.Digital], 27, "a digital reading module is full")
	assert.GreaterOrEqual(t, frameworks[sat.Paper], 10)
}

func TestEveryItemIsWellFormedFreeAndExplained(t *testing.T) {
	for _, it := range bank(t) {
		t.Run(it.ID, func(t *testing.T) {
			require.NoError(t, it.Validate())
			assert.Equal(t, sat.CC0, it.Licence)
			assert.Equal(t, sat.ForPractice, it.Split)
			assert.NotEmpty(t, it.Difficulty)
			assert.Equal(t, len(it.Passages), strings.Count(it.Source, "public domain ("), "the ground for each passage")
			assert.Len(t, it.Choices, 4)
			for _, c := range it.Choices {
				assert.NotEmpty(t, c.Why, c.ID)
			}
			assert.NotEmpty(t, it.Explanation.Text)
			quoted := map[string]bool{}
			for _, q := range it.Explanation.Quotes {
				quoted[q.PassageID] = true
				assert.GreaterOrEqual(t, len(strings.Fields(it.Quoted(q))), 5, "a quotation too short to prove anything")
				assert.True(t, stands(it, it.Quoted(q)), "a quotation of broken words: %s", it.Quoted(q))
			}
			if it.Skill == "CTC" {
				assert.Len(t, quoted, 2, "both texts are quoted")
			}
			assert.NotEmpty(t, quoted)
			for _, p := range it.Passages {
				words := len(strings.Fields(p.Text()))
				if it.Framework == sat.Digital {
					assert.GreaterOrEqual(t, words, 25)
					assert.LessOrEqual(t, words, 150)
				}
			}
			if words := len(strings.Fields(it.PassageText())); it.Framework == sat.Paper {
				assert.GreaterOrEqual(t, words, 500)
				assert.LessOrEqual(t, words, 750)
			}
		})
	}
}

// edition is where the words of a passage were compared.
type edition struct {
	Address    string `json:"address"`    // for readers
	Repository string `json:"repository"` // with the text itself
	Commit     string `json:"commit"`
	File       string `json:"file"`
}

func TestEveryPassageHasItsEdition(t *testing.T) {
	data, err := os.ReadFile("editions.json")
	require.NoError(t, err)
	var editions map[string]edition
	require.NoError(t, json.Unmarshal(data, &editions))
	used := map[string]bool{}
	for _, it := range bank(t) {
		for _, p := range it.Passages {
			e := editions[p.ID]
			used[p.ID] = true
			assert.Regexp(t, `^[0-9a-f]{40}$`, e.Commit, p.ID)
			assert.Regexp(t, `^https://github\.com/[\w.-]+/[\w.-]+$`, e.Repository, p.ID)
			assert.NotEmpty(t, e.File, p.ID)
			require.NotEmpty(t, e.Address, p.ID)
			assert.Contains(t, it.Source, e.Address, p.ID)
		}
	}
	assert.Len(t, editions, len(used), "an edition of no passage")
}

// TestWhatStandsInQuotationMarksIsInThePassage holds for questions, choices, reasons and explanations alike.
func TestWhatStandsInQuotationMarksIsInThePassage(t *testing.T) {
	for _, it := range bank(t) {
		texts := []string{it.Question, it.Explanation.Text}
		for _, c := range it.Choices {
			texts = append(texts, c.Text, c.Why)
		}
		for _, text := range texts {
			for _, quote := range quotation.Marked(text) {
				assert.True(t, stands(it, quote), "%s: “%s”", it.ID, quote)
			}
		}
	}
}

// stands says whether a passage of the item has the words of a quotation, which may be few, with ". . ." for any others.
func stands(it sat.Item, quote string) bool {
	return slices.ContainsFunc(it.Passages, func(p sat.Passage) bool {
		rest := plain(p.Text())
		for part := range strings.SplitSeq(quote, ". . .") {
			_, after, found := strings.Cut(rest, plain(part))
			if !found {
				return false
			}
			rest = " " + after
		}
		return true
	})
}

var notWords = regexp.MustCompile(`[^\p{L}\p{N}]+`)

// plain gives the words of a text in lower case, a space before and after each.
func plain(text string) string {
	return " " + strings.TrimSpace(notWords.ReplaceAllString(strings.ToLower(text), " ")) + " "
}

var reference = regexp.MustCompile(`[Ll]ines? (\d+)(?:–(\d+))?(?: \(“(.+?) \. \. \. (.+?)”\))?`)

func TestLineReferencesMeanWhatTheySay(t *testing.T) {
	for _, it := range bank(t) {
		lines := map[int]string{}
		for i, numbers := range it.Numbers() {
			for j, n := range numbers {
				lines[n] = plain(it.Passages[i].Lines[j])
			}
		}
		check := func(text string) (any bool) {
			for _, m := range reference.FindAllStringSubmatch(text, -1) {
				from, _ := strconv.Atoi(m[1])
				to := from
				if m[2] != "" {
					to, _ = strconv.Atoi(m[2])
				}
				assert.Less(t, from, to+1, "%s: %s", it.ID, m[0])
				assert.Contains(t, lines, from, "%s: %s", it.ID, m[0])
				assert.Contains(t, lines, to, "%s: %s", it.ID, m[0])
				if m[3] != "" {
					assert.Contains(t, lines[from], plain(m[3]), "%s: %s", it.ID, m[0])
					assert.Contains(t, lines[to], plain(m[4]), "%s: %s", it.ID, m[0])
				}
				any = true
			}
			return any
		}
		asked := check(it.Question)
		check(it.Explanation.Text)
		for _, c := range it.Choices {
			asked = check(c.Text) || asked
			check(c.Why)
		}
		assert.Equal(t, asked, it.Needs("line"), "%s: requires line", it.ID)
	}
}

func TestTheKeyCannotBeGuessed(t *testing.T) {
	letters, longest, shortest, run := map[string]int{}, 0, 0, 1
	all := bank(t)
	for i, it := range all {
		letters[it.Answer]++
		if i > 0 && all[i-1].Answer == it.Answer {
			run++
		} else {
			run = 1
		}
		assert.LessOrEqual(t, run, 2, "%s: the same letter three times running", it.ID)
		length := func(c sat.Choice) int { return utf8.RuneCountInString(c.Text) }
		var others []int
		for _, c := range it.Choices {
			if c.ID != it.Answer {
				others = append(others, length(c))
			}
		}
		k := length(key(it))
		if k > slices.Max(others) {
			longest++
		}
		if k < slices.Min(others) {
			shortest++
		}
		assert.LessOrEqual(t, 5*k, 6*slices.Max(others), "%s: the key is the longest by far", it.ID)
		assert.LessOrEqual(t, 10*max(k, slices.Max(others)), 16*min(k, slices.Min(others)), "%s: lengths differ", it.ID)
	}
	for _, l := range []string{"A", "B", "C", "D"} {
		assert.InDelta(t, float64(len(all))/4, letters[l], 1, l)
	}
	assert.LessOrEqual(t, 100*longest, 30*len(all), "the key is the longest choice too often")
	assert.LessOrEqual(t, 100*shortest, 30*len(all), "the key is the shortest choice too often")
}

// TestReasonsAgainstWrongChoicesKeepTheKey: such a reason is shown as a hint, before the student answers again.
func TestReasonsAgainstWrongChoicesKeepTheKey(t *testing.T) {
	for _, it := range bank(t) {
		inPassage := grams(it.PassageText(), 5)
		inKey := grams(key(it).Text, 5)
		for _, c := range it.Choices {
			if c.ID == it.Answer {
				continue
			}
			for g := range grams(c.Why, 5) {
				assert.False(t, inKey[g] && !inPassage[g], "%s %s tells the key: %s", it.ID, c.ID, g)
			}
			assert.NotRegexp(t, `\b(?:[Cc]hoice|[Aa]nswer|[Oo]ption) [A-D]\b`, c.Why, it.ID)
		}
	}
}

func TestNoTwoItemsAndNoTwoPassagesAreAlike(t *testing.T) {
	holder := map[string]string{}
	seen := map[string]bool{}
	for _, it := range bank(t) {
		asked := it.Passages[0].ID + plain(it.Question) + plain(key(it).Text)
		assert.False(t, seen[asked], "%s asks what another item asks", it.ID)
		seen[asked] = true
		for _, p := range it.Passages {
			for g := range grams(p.Text(), 8) {
				if first, ok := holder[g]; ok {
					assert.Equal(t, first, p.ID, "two passages share: %s", g)
				}
				holder[g] = p.ID
			}
		}
	}
}

// grams gives the sequences of n words of a text.
func grams(text string, n int) map[string]bool {
	words := strings.Fields(plain(text))
	all := map[string]bool{}
	for i := range len(words) - n + 1 {
		all[strings.Join(words[i:i+n], " ")] = true
	}
	return all
}
