package eval

import (
	"fmt"
	"strings"
)

// favoured is the share of answers from which one letter counts as swallowing the others.
const favoured = 0.6

func biasSentence(letter string, given, n, key int, rstd, most float64) string {
	what := fmt.Sprintf("It says %s in %d of %d answers", letter, given, n)
	if given == n {
		what = fmt.Sprintf("It always says %s", letter)
	}
	return fmt.Sprintf("%s; %s is the key of %d. RStd is %.1f of at most %.1f: what is measured is the share of this key, not reading.",
		what, letter, key, rstd, most)
}

func joinLines(lines []string) string { return strings.Join(lines, "\n") }
