package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/eval"
)

// inBank runs a command of the bank on a database of its own.
func inBank(t *testing.T, database string, args ...string) (code int, stdout, stderr string) {
	t.Setenv("DATABASE_URL", "sqlite:"+database)
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"sat", "bank"}, args...), bytes.NewReader(nil), &out, &errs)
	return code, out.String(), errs.String()
}

func TestLosslessFormatsCarryABankIntoAnEmptyDatabase(t *testing.T) {
	t.Chdir(t.TempDir())
	code, stdout, stderr := inBank(t, "first.db", "import", "shipped")
	require.Equal(t, setup.ExitOK, code, stderr)
	assert.Contains(t, stdout, "56 questions were added, 0 updated")
	code, _, stderr = inBank(t, "first.db", "export", "first.jsonl")
	require.Equal(t, setup.ExitOK, code, stderr)
	for _, name := range []string{"bank.jsonl", "bank.zip"} {
		code, _, stderr := inBank(t, "first.db", "export", name)
		require.Equal(t, setup.ExitOK, code, stderr)
		assert.NotContains(t, stderr, "not carried")
		database := name + ".db"
		code, _, stderr = inBank(t, database, "import", name)
		require.Equal(t, setup.ExitOK, code, stderr)
		code, _, stderr = inBank(t, database, "export", "back.jsonl")
		require.Equal(t, setup.ExitOK, code, stderr)
		first, err := os.ReadFile("first.jsonl")
		require.NoError(t, err)
		back, err := os.ReadFile("back.jsonl")
		require.NoError(t, err)
		assert.Equal(t, string(first), string(back), name)
	}
	for _, c := range []struct {
		args       []string
		code       int
		out, again string
	}{
		{[]string{"export", "--domain", "ini", "--difficulty", "h", "--to", "csv", "-"}, setup.ExitOK, ",H,", ""},
		{[]string{"export", "--skill", "NOPE", "--to", "csv", "-"}, setup.ExitUsage, "", `skill: "NOPE" is none of CID, INF`},
		{[]string{"export", "--passages-apart", "--to", "moodle-xml", "-"}, setup.ExitOK, `type="description"`, ""},
		{[]string{"import", "--skill", "NOPE", "first.jsonl"}, setup.ExitData, "", "skill"},
		{[]string{"similar", "bennett-visit-1"}, setup.ExitOK, "Like it:", ""},
		{[]string{"similar", "nothing"}, setup.ExitNoInput, "", "the bank has no question"},
		{[]string{"changes"}, setup.ExitOK, "import jsonl", ""},
	} {
		code, stdout, stderr := inBank(t, "first.db", c.args...)
		assert.Equal(t, c.code, code, "%v: %s", c.args, stderr)
		assert.Contains(t, stdout, c.out, c.args)
		assert.Contains(t, stderr, c.again, c.args)
	}
	for _, name := range []string{"bank.csv", "bank.xlsx", "bank.gift", "bank.xml"} {
		code, _, stderr := inBank(t, "first.db", "export", name)
		require.Equal(t, setup.ExitOK, code, stderr)
		code, stdout, stderr := inBank(t, "first.db", "import", name)
		require.Equal(t, setup.ExitOK, code, stderr)
		assert.Contains(t, stdout, "0 updated; 56 are there as they are", name)
	}
}

func TestImportIsRehearsedStoredAndUndone(t *testing.T) {
	t.Chdir(t.TempDir())
	database := filepath.Join(t.TempDir(), "bank.db")
	const good = "passage,question,a,b,c,d,answer\nThe lamp burned all night.,What burned?,lamp,sea,sky,pier,A\n"
	require.NoError(t, os.WriteFile("good.csv", []byte(good), 0o600))
	require.NoError(t, os.WriteFile("half.csv", []byte(good+"The sea was calm.,What was calm?,lamp,sea,sky,pier,E\n"), 0o600))
	as := []string{"--framework", "digital", "--skill", "INF"}

	code, stdout, _ := inBank(t, database, append([]string{"import", "--dry-run"}, append(as, "good.csv")...)...)
	assert.Equal(t, setup.ExitOK, code)
	assert.Contains(t, stdout, "1 questions would be added")
	code, _, stderr := inBank(t, database, "export", "--to", "csv", "-")
	assert.Equal(t, setup.ExitData, code)
	assert.Contains(t, stderr, "the bank is empty", "a rehearsal stores nothing")

	code, stdout, _ = inBank(t, database, append([]string{"import", "--strict"}, append(as, "good.csv")...)...)
	assert.Equal(t, setup.ExitData, code)
	assert.Contains(t, stdout, "1 cannot be taken", "it explains nothing")
	assert.Contains(t, stdout, "0 questions were added", "nobody asked for a rehearsal")
	require.NoError(t, os.WriteFile("seen.csv", []byte("passage,question,a,b,c,d,answer\nThe lamp burned all night and the keeper slept in his chair "+
		"until the sea grew calm.,What burned?,lamp,sea,sky,pier,A\n"), 0o600))
	require.NoError(t, os.WriteFile("fingerprints.bin", eval.Fingerprint([]string{"The lamp burned all night and the keeper slept in his chair " +
		"until the sea grew calm."}).Bytes(), 0o600))
	code, stdout, stderr = inBank(t, database, append([]string{"import", "--dry-run", "--fingerprints", "fingerprints.bin"}, append(as, "seen.csv")...)...)
	assert.Equal(t, setup.ExitOK, code, stderr)
	assert.Contains(t, stdout, "was seen in training (overlap)")

	code, stdout, stderr = inBank(t, database, append([]string{"import", "--all-or-nothing"}, append(as, "half.csv")...)...)
	assert.Equal(t, setup.ExitData, code)
	assert.Contains(t, stdout, "1 cannot be taken")
	assert.Contains(t, stderr, "Nothing was stored")

	code, stdout, _ = inBank(t, database, append([]string{"import"}, append(as, "half.csv")...)...)
	assert.Equal(t, setup.ExitData, code, "one question was left out")
	change := regexp.MustCompile(`bank undo (\S+)`).FindStringSubmatch(stdout)
	require.NotNil(t, change, stdout)
	code, stdout, stderr = inBank(t, database, "undo", change[1][:len(change[1])-1])
	assert.Equal(t, setup.ExitOK, code, stderr)
	assert.Contains(t, stdout, "1 questions are as they were")
	code, _, _ = inBank(t, database, "export", "--to", "csv", "-")
	assert.Equal(t, setup.ExitData, code, "the bank is empty again")
	code, _, stderr = inBank(t, database, "undo", "nothing")
	assert.Equal(t, setup.ExitData, code)
	assert.Contains(t, stderr, "There is no such change")
}

func TestTheBankIsEmbeddedByHand(t *testing.T) {
	t.Chdir(t.TempDir())
	code, _, stderr := inBank(t, "bank.db", "import", "shipped")
	require.Equal(t, setup.ExitOK, code, stderr)
	code, _, stderr = inBank(t, "bank.db", "embed")
	assert.Equal(t, setup.ExitConfig, code)
	assert.Contains(t, stderr, "set SAT_EMBEDDING_URL and SAT_EMBEDDING_MODEL")

	up, calls := true, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		var asked struct{ Input []string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || !up {
			http.Error(w, "no", http.StatusServiceUnavailable)
			return
		}
		var data []map[string]any
		for i, text := range asked.Input {
			data = append(data, map[string]any{"index": i, "embedding": []int{len(text), 1}})
		}
		up = calls < 3
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
	}))
	defer server.Close()
	t.Setenv("SAT_EMBEDDING_URL", server.URL)
	t.Setenv("SAT_EMBEDDING_MODEL", "lengths")
	code, _, stderr = inBank(t, "bank.db", "embed")
	assert.Equal(t, setup.ExitUnavailable, code)
	assert.Contains(t, stderr, "32 questions wait for a vector")
	up, calls = true, -99
	code, stdout, stderr := inBank(t, "bank.db", "embed")
	require.Equal(t, setup.ExitOK, code, stderr)
	assert.Contains(t, stdout, "56 questions have vectors of lengths")
	assert.Equal(t, -95, calls, "it went on where it broke off")
	code, _, _ = inBank(t, "bank.db", "embed")
	assert.Equal(t, setup.ExitOK, code)
	assert.Equal(t, -95, calls, "nothing was left to do")
}
