package eval

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asPublished is a passage with one question in the form of RACE's own files.
func asPublished(id, passage, key string) string {
	return fmt.Sprintf(`{"answers":[%q,"A"],"options":[["red","green","blue","none"],["one","two","three","four"]],`+
		`"questions":["Which colour?","How many?"],"article":%q,"id":%q}`, key, passage, id)
}

// asLine is the same in the form that keeps questions whole.
func asLine(id, passage, key string) string {
	return fmt.Sprintf(`{"id":%q,"passage":%q,"questions":[{"question":"Which colour?","choices":["red","green","blue","none"],"answer":%q},`+
		`{"question":"How many?","choices":["one","two","three","four"],"answer":"A"}]}`, id, passage, key)
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestRACEIsTheSameHoweverItIsStored(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "RACE", "test")
	for _, a := range [][3]string{{"high", "10", "The door was green."}, {"high", "9", "The gate was red."}, {"middle", "3", "The sea was blue."}} {
		write(t, filepath.Join(folder, a[0], a[1]+".txt"), asPublished(a[0]+a[1]+".txt", a[2], "B"))
	}
	lines := strings.Join([]string{asLine("race-test-high-9", "The gate was red.", "B"), asLine("race-test-high-10", "The door was green.", "B"),
		asLine("race-test-middle-3", "The sea was blue.", "B")}, "\n")
	want, err := Read(write(t, filepath.Join(t.TempDir(), "race.jsonl"), lines), FormatRACE, nil)
	require.NoError(t, err)
	var told []int
	got, err := Read(folder, FormatRACE, func(done, of int) { told = append(told, done, of) })
	require.NoError(t, err)
	assert.Equal(t, []int{1, 3, 2, 3, 3, 3}, told)
	require.Len(t, got.Items, 6)
	for i, it := range got.Items {
		it.SourceSHA256 = want.Items[i].SourceSHA256 // of the bytes, which differ
		assert.Equal(t, want.Items[i], it)
	}
	assert.Equal(t, []string{"race-test-high-9-1", "race-test-high-9-2", "race-test-high-10-1", "race-test-high-10-2",
		"race-test-middle-3-1", "race-test-middle-3-2"}, ids(got.Items))
	a, err := got.Select(Selected{Sample: 2, Seed: 1})
	require.NoError(t, err)
	b, err := want.Select(Selected{Sample: 2, Seed: 1})
	require.NoError(t, err)
	assert.Equal(t, ids(a.Items), ids(b.Items), "a draw asks the same questions")

	var list strings.Builder
	for _, file := range []string{"high/9.txt", "high/10.txt", "middle/3.txt"} {
		raw, err := os.ReadFile(filepath.Join(folder, file))
		require.NoError(t, err)
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(raw), file)
	}
	assert.Equal(t, digest(list.String()), got.SHA256)

	one, err := Read(filepath.Join(folder, "high", "10.txt"), FormatAuto, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"race-test-high-10-1", "race-test-high-10-2"}, ids(one.Items))
	level, err := Read(filepath.Join(folder, "middle"), FormatAuto, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"race-test-middle-3-1", "race-test-middle-3-2"}, ids(level.Items))
}

func TestRACENamesWhatHasNoPlace(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{
		asPublished("high7.txt", "A.", "B"): "race-high-7-1", // a line, or a file that stands alone
		asPublished("", "A.", "B"):          "race-mine-1",
		asPublished("other", "A.", "B"):     "race-mine-1",
	} {
		d, err := Read(write(t, filepath.Join(dir, "mine.txt"), name), FormatAuto, nil)
		require.NoError(t, err)
		assert.Equal(t, want, d.Items[0].ID)
	}
	d, err := Parse("a.jsonl", FormatRACE, []byte(asPublished("middle7.txt", "A.", "B")+"\n"+asPublished("own", "B.", "B")))
	require.NoError(t, err)
	assert.Equal(t, []string{"race-middle-7-1", "race-middle-7-2", "own-1", "own-2"}, ids(d.Items))
}

func TestRACEsFaultsAreNamedByPlace(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "test")
	write(t, filepath.Join(folder, "high", "1.txt"), asPublished("high1.txt", "A.", "B"))
	for text, want := range map[string]string{
		"{": "test/high/2.txt:1 is no JSON object",
		`{"article":"x","questions":["a","b"],"options":[["1","2"]],"answers":["A","B"]}`: "test/high/2.txt:1: questions and options and answers are not of one length",
		`{"article":"x","questions":7}`:      "questions is neither a list of texts nor",
		`{"article":"x"}`:                    "questions is missing",
		asPublished("high2.txt", "A.", "E"):  "race-test-high-2-1: questions[0].answer names none",
		asPublished("high2.txt", "", "B"):    "race-test-high-2-1: questions[0].passage is empty",
		`{"questions":["a"],"options":"no"}`: "options has the wrong type",
	} {
		write(t, filepath.Join(folder, "high", "2.txt"), text)
		_, err := Read(folder, FormatRACE, nil)
		assert.ErrorContains(t, err, want)
		assert.Equal(t, ExitData, ExitCode(err))
	}
	_, err := Read(t.TempDir(), FormatAuto, nil)
	assert.ErrorContains(t, err, "holds no passage of RACE: give the folder with high/*.txt")
	_, err = Read(folder, FormatCSV, nil)
	assert.ErrorContains(t, err, "only RACE is read from folders")
	_, err = ReadRACE(filepath.Join(folder, "absent"), nil)
	assert.Equal(t, ExitNoFile, ExitCode(err))

	write(t, filepath.Join(folder, "high", "2.txt"), asPublished("high2.txt", "A.", "E"))
	d, err := ReadRACE(folder, nil)
	require.NoError(t, err, "who trains leaves broken questions out by name")
	assert.Len(t, d.Items, 4)
}

func FuzzRACE(f *testing.F) {
	f.Add("x/test/high/1.txt", []byte(asPublished("high1.txt", "A.", "B")))
	f.Add("race.jsonl", []byte(asLine("race-dev-high-1", "A.", "B")))
	f.Add("a.txt", []byte(`{"questions":["q"],"options":[["a"]],"answers":["E"]}`))
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		d, err := Parse(path, FormatRACE, data)
		if err != nil {
			if ExitCode(err) != ExitData {
				t.Fatalf("exit %d: %v", ExitCode(err), err)
			}
			return
		}
		for _, it := range d.Items {
			if field, message := it.complaint(); field != "" {
				t.Fatalf("%s %s", field, message)
			}
		}
	})
}
