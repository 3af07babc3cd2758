package eval

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scanned makes a passage of our own look like a scanned one: line breaks lost, every fifth line numbered.
func scanned(sentences, perLine int) (clean, raw string) {
	line := strings.Repeat("word ", perLine)
	var plain, printed []string
	for i := range sentences {
		plain = append(plain, strings.TrimSpace(line))
		number := ""
		if (i+1)%5 == 0 {
			number = fmt.Sprintf("%d ", i+1)
		}
		printed = append(printed, number+strings.TrimSpace(line))
	}
	return strings.Join(plain, " "), strings.Join(printed, " ")
}

func TestCleanPassageDropsPrintedLineNumbers(t *testing.T) {
	clean, raw := scanned(40, 9)
	c := cleanPassage(raw)
	assert.Equal(t, clean, c.text)
	assert.Contains(t, c.flags, "line_numbers")
	assert.Equal(t, clean, cleanPassage(clean).text)

	kept := "They sold 15 nets in 1910, 20 in 1915 and 30 % more by 1920."
	assert.Equal(t, kept, cleanPassage(kept).text, "a few numbers are no line numbers")
}

func TestCleanPassageUndoesDottedBreaks(t *testing.T) {
	lines := strings.Repeat("the boats went out,.and nobody waved from the.pier in the rain.", 8) + ".Then Mr. A. B. Crane came.“Why?” he said. It cost 4.50.\nIn the U.S. nobody."
	got := cleanPassage(lines)
	assert.Equal(t, []string{"dot_breaks"}, got.flags)
	assert.Contains(t, got.text, "went out, and nobody waved from the pier in the rain. Then Mr. A. B. Crane came “Why?” he said. It cost 4.50.")
	assert.Contains(t, got.text, "U.S. nobody")
}

func TestCleanPassageUnwrapsLaTeX(t *testing.T) {
	raw := `\section{Passage 1}A $\mathrm{V}$ of $10^{15}$ birds costs £5 or $4, or $5 in all.It pays.` +
		`\begin{center}\begin{tabular}{|l|c|}\hline\multicolumn{2}{|c|}{Boats \& nets} \\\hline` +
		`Town & $\begin{array}{c}\text { per } \\ \text { year (\%) }\end{array}$ \\\hlineWick & 3 \\\hline\end{tabular}\end{center}` +
		`\begin{itemize}\item a note\end{itemize}\section{Passage 2}"Mine," she said."Yours?" he asked.`
	c := cleanPassage(raw)
	assert.Equal(t, "Passage 1\nA V of 10¹⁵ birds costs £5 or $4, or $5 in all.\nIt pays.\nBoats & nets\nTown | per year (%)\nWick | 3\n* a note\nPassage 2\n"+
		"\"Mine,\" she said.\n\"Yours?\" he asked.", c.text)
	assert.True(t, c.paired())
	assert.Equal(t, c.text, cleanPassage(c.text).text)
}

func TestCleanSolution(t *testing.T) {
	assert.Equal(t, "Choice B is best. (Wick) and its 63% matter; it cost $4.", cleanSolution(`Choice $\mathbf{B}$ is best. (Wick) and its $63 \%$ matter; it cost $\$4$.`))
	assert.Equal(t, "in Vienna) and", cleanSolution("in Vienn(A)and"))
}

func TestNormID(t *testing.T) {
	assert.Equal(t, "efficient12", NormID("E\ufb03cient — “½”"))
	assert.Equal(t, PassageID("The ferry."), PassageID("the  FERRY"))
}

// devData reads the development file, where its path is given.
func devData(t *testing.T) *Dataset {
	t.Helper()
	path := os.Getenv("SAT_EVAL_DATA")
	if path == "" {
		t.Skip("SAT_EVAL_DATA does not name the development file")
	}
	d, err := Read(path, FormatAGIEval, nil)
	require.NoError(t, err)
	require.Equal(t, devFile, d.SHA256)
	return d
}

func TestDevelopmentFile(t *testing.T) {
	d := devData(t)
	require.Len(t, d.Items, 136)
	assert.Equal(t, "p-9124905dac64", d.Items[0].PassageID)
	assert.Equal(t, "p-a85f82f335d5", d.Items[135].PassageID)
	assert.Equal(t, "agieval-sat-en-0205", d.Items[135].ID)
	for pool, want := range map[string]struct {
		n, passages int
		letters     [4]int
		baseline    [3]int // constant, longest, shortest
	}{
		"dev-136": {136, 29, [4]int{44, 36, 26, 30}, [3]int{}}, "dev-133": {133, 29, [4]int{42, 36, 25, 30}, [3]int{42, 22, 44}},
		"dev-tune": {17, 3, [4]int{6, 4, 3, 4}, [3]int{}}, "dev-116": {116, 26, [4]int{36, 32, 22, 26}, [3]int{36, 18, 40}},
		"dev-t10": {20, 4, [4]int{8, 3, 5, 4}, [3]int{}},
	} {
		s, err := d.Select(Selected{Pool: pool})
		require.NoError(t, err)
		passages, letters := map[string]bool{}, [4]int{}
		for _, it := range s.Items {
			passages[it.PassageID] = true
			letters[it.key()]++
		}
		assert.Len(t, s.Items, want.n, pool)
		assert.Len(t, passages, want.passages, pool)
		assert.Equal(t, want.letters, letters, pool)
		if want.baseline != [3]int{} {
			b := baselines(s.Items)
			assert.Equal(t, want.baseline, [3]int{b.Constant, b.Longest, b.Shortest}, pool)
		}
	}
	s, err := d.Select(Selected{})
	require.NoError(t, err)
	assert.Len(t, s.Items, 133, "three items cannot be answered")
}

func TestDevelopmentFileIsCleaned(t *testing.T) {
	d := devData(t)
	rows := map[int]Item{}
	for _, it := range d.Items {
		rows[it.SourceRow] = it
		assert.True(t, it.Passage == cleanPassage(it.Passage).text, "cleaning %s again changes it", it.ID)
		text := it.Passage + it.Question + it.Solution
		for _, c := range it.Choices {
			text += c.Text
			assert.False(t, nextNumber.MatchString(c.Text) && c.Label == "D", it.ID)
		}
		assert.False(t, strings.ContainsAny(text, `\`), it.ID)
	}
	for row, flag := range map[int]string{7: "next_number", 90: "next_number", 76: "repair:next_stem", 87: "repair:passage_in_stem",
		187: "repair:ligature", 191: "repair:glued_words", 204: "repair:glued_words", 186: "dot_breaks", 13: "line_numbers"} {
		assert.Contains(t, rows[row].Flags, flag, "row %d", row)
	}
	assert.Equal(t, []string{"table", "previous"}, rows[8].Requires)
	assert.Equal(t, "bad_item", rows[101].Excluded)
	assert.Equal(t, "missing_graphic", rows[193].Excluded)
	assert.True(t, rows[199].Paired)
	assert.True(t, strings.Contains(rows[203].Passage, "$4 per"), "money is no formula")
}
