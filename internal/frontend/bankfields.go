package frontend

import (
	"regexp"
	"strconv"
	"strings"

	"sattutor/internal/sat"
)

// fieldForms are the paths into an item that have a name of more than one word.
var fieldForms = []struct {
	path  *regexp.Regexp
	words string // $ stands for the letter of a choice or the number of a passage or line
}{
	{regexp.MustCompile(`^choices\[(\d)\]\.why$`), "reason for choice $"},
	{regexp.MustCompile(`^choices\[(\d)\](?:\.text|\.id)?$`), "choice $"},
	{regexp.MustCompile(`^passages\[\d\]\.lines\[(\d+)\]$`), "line $ of the passage"},
	{regexp.MustCompile(`^passages(?:\[\d\])?(?:\.lines)?$`), "passage"},
	{regexp.MustCompile(`^passages(?:\[\d\])?\.id$`), "id of the passage"},
	{regexp.MustCompile(`^passages(?:\[\d\])?\.title$`), "title of the passage"},
	{regexp.MustCompile(`^passages(?:\[\d\])?\.attribution$`), "introduction of the passage"},
	{regexp.MustCompile(`^passages(?:\[\d\])?\.line_start$`), "number of the first line"},
	{regexp.MustCompile(`^explanation\.quotes`), "quotations"},
	{regexp.MustCompile(`^explanation\.text$`), "explanation"},
	{regexp.MustCompile(`^choices\.why$`), "reasons for the choices"},
	{regexp.MustCompile(`^choices\.text$`), "texts of the choices"},
	{regexp.MustCompile(`^answer$`), "key"},
	{regexp.MustCompile(`^previous_id$`), "question before"},
	{regexp.MustCompile(`^requires`), "what it needs"},
	{regexp.MustCompile(`^framework$`), "exam"},
}

// fieldWords names a field of an item as the page's labels do.
func fieldWords(path string) string {
	for _, f := range fieldForms {
		m := f.path.FindStringSubmatch(path)
		if m == nil {
			continue
		}
		if len(m) < 2 {
			return f.words
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return path
		}
		which := strconv.Itoa(n + 1)
		if f.words[len(f.words)-1] == '$' {
			which = sat.Letter(n)
		}
		return strings.Replace(f.words, "$", which, 1)
	}
	return path
}
