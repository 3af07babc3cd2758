package frontend

import (
	"regexp"
	"strconv"
	"strings"

	"sattutor/internal/sat"
)

// fieldForms say how the form of a question names and shows the paths into an item. $L stands for the letter of a choice
// and $N for the number of a passage or line: in words by the path's last index, in a control's id by its first.
var fieldForms = []struct {
	path    *regexp.Regexp
	words   string // "" where the path is a word by itself
	control string // id of the control
}{
	{regexp.MustCompile(`^choices\[(\d)\]\.why$`), "reason for choice $L", "why-$L"},
	{regexp.MustCompile(`^choices\[(\d)\](?:\.text|\.id)?$`), "choice $L", "choice-$L"},
	{regexp.MustCompile(`^choices\.why$`), "reasons for the choices", "choices"},
	{regexp.MustCompile(`^choices\.text$`), "texts of the choices", "choices"},
	{regexp.MustCompile(`^choices$`), "", "choices"},
	{regexp.MustCompile(`^passages\[(\d)\]\.lines\[(\d+)\]$`), "line $N of the passage", "p$N-lines"},
	{regexp.MustCompile(`^passages\[(\d)\](?:\.lines)?$`), "passage", "p$N-lines"},
	{regexp.MustCompile(`^passages(?:\.lines)?$`), "passage", "p1-lines"},
	{regexp.MustCompile(`^passages(?:\[(\d)\])?\.id$`), "id of the passage", "p$N-id"},
	{regexp.MustCompile(`^passages(?:\[(\d)\])?\.title$`), "title of the passage", "p$N-title"},
	{regexp.MustCompile(`^passages(?:\[(\d)\])?\.attribution$`), "introduction of the passage", "p$N-attribution"},
	{regexp.MustCompile(`^passages(?:\[(\d)\])?\.line_start$`), "number of the first line", "p$N-start"},
	{regexp.MustCompile(`^explanation\.quotes`), "quotations", "quotes"},
	{regexp.MustCompile(`^explanation\.text$`), "explanation", "explanation"},
	{regexp.MustCompile(`^marks`), "words set apart", "marks"},
	{regexp.MustCompile(`^answer$`), "key", "choices"},
	{regexp.MustCompile(`^previous_id$`), "question before", "previous"},
	{regexp.MustCompile(`^requires`), "what it needs", "requires"},
	{regexp.MustCompile(`^tags`), "tags", "tags"},
	{regexp.MustCompile(`^framework$`), "exam", "f-framework"},
	{regexp.MustCompile(`^domain$`), "", "f-skill"}, // it is the skill's
	{regexp.MustCompile(`^skill$`), "", "f-skill"},
	{regexp.MustCompile(`^genre$`), "", "f-genre"},
	{regexp.MustCompile(`^difficulty$`), "", "f-difficulty"},
	{regexp.MustCompile(`^split$`), "kept for", "f-split"},
	{regexp.MustCompile(`^(?:id|question|source|licence)$`), "", ""},
}

// fieldWords names a field of an item as the page's labels do.
func fieldWords(path string) string {
	for _, f := range fieldForms {
		if m := f.path.FindStringSubmatch(path); m != nil && f.words != "" {
			return placed(f.words, m[len(m)-1])
		}
	}
	return path
}

// controlOf gives the id of the control in which a field of an item is written; "" where there is none.
func controlOf(path string) string {
	for _, f := range fieldForms {
		m := f.path.FindStringSubmatch(path)
		switch {
		case m == nil:
			continue
		case f.control == "":
			return path
		case len(m) > 1:
			return placed(f.control, m[1])
		}
		return f.control
	}
	return ""
}

// placed puts the letter or number of an index into a form of words.
func placed(form, index string) string {
	n, _ := strconv.Atoi(index) // the first, where the path has no index
	return strings.NewReplacer("$L", sat.Letter(n), "$N", strconv.Itoa(n+1)).Replace(form)
}

// told is a finding as a page shows it.
type told struct {
	sat.Finding
	Control string // id of the control that it is about; "" for none
	Form    string // address of the form; "" for the page itself
	At      string // place in a file; "" where it goes without saying
}

// tellAll prepares findings for a page; form is the address of the form where they can be mended, "" for the page itself.
func tellAll(findings []sat.Finding, form string) []told {
	list := make([]told, 0, len(findings))
	for _, f := range findings {
		list = append(list, told{Finding: f, Control: controlOf(f.Field), Form: form})
	}
	return list
}

// sumUp counts findings in words: "2 errors, 1 warning".
func sumUp(findings []told) string {
	var parts []string
	for _, s := range []struct {
		severity  sat.Severity
		one, many string
	}{{sat.SeverityError, "error", "errors"}, {sat.SeverityWarning, "warning", "warnings"}, {sat.SeverityInfo, "remark", "remarks"}} {
		n := 0
		for _, f := range findings {
			if f.Severity == s.severity {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+count(n, s.one, s.many))
		}
	}
	if len(parts) == 0 {
		return "Nothing to mend"
	}
	return strings.Join(parts, ", ")
}
