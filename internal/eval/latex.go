package eval

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	mathArray  = regexp.MustCompile(`\$\\begin\{array\}\{[a-z|]*\}(.*?)\\end\{array\}\$`)
	mathInline = regexp.MustCompile(`\$[^$]*\$`)
	fontGroup  = regexp.MustCompile(`\\(?:mathrm|mathbf|mathit|text) ?\{([^{}]*)\}`)
	raised     = regexp.MustCompile(`(?:\{ ?\})?\^\{([^{}]*)\}`)
	section    = regexp.MustCompile(`\\section\{([^{}]*)\}`)
	tableBlock = regexp.MustCompile(`\\begin\{tabular\}\{[^{}]*\}(.*?)\\end\{tabular\}`)
	spanned    = regexp.MustCompile(`\\multi(?:row|column)\{[^{}]*\}\{[^{}]*\}\{([^{}]*)\}`)
	rule       = regexp.MustCompile(`\\cline ?\{[^{}]*\}|\\hline`)
	listItem   = regexp.MustCompile(`\\item ?`)
	environ    = regexp.MustCompile(`\\(?:begin|end)\{[a-z]+\}`)
)

// unwrapMath replaces inline LaTeX by plain text. A pair of dollars is LaTeX only if its inside has a backslash, a
// caret, an underscore or a brace, or is one letter: other dollars are money.
func unwrapMath(s string) string {
	s = strings.ReplaceAll(s, `\$`, money)
	return strings.ReplaceAll(unwrapPairs(s), money, "$")
}

// money stands for an escaped dollar while pairs of dollars are looked for.
const money = "\x00"

func unwrapPairs(s string) string {
	s = mathArray.ReplaceAllStringFunc(s, func(m string) string {
		return plainMath(strings.ReplaceAll(mathArray.FindStringSubmatch(m)[1], `\\`, " "))
	})
	var out strings.Builder
	for {
		at := mathInline.FindStringIndex(s)
		if at == nil {
			return out.String() + s
		}
		inside := s[at[0]+1 : at[1]-1]
		if !isMath(inside) {
			out.WriteString(s[:at[0]+1]) // the second dollar may begin a formula
			s = s[at[0]+1:]
			continue
		}
		out.WriteString(s[:at[0]] + plainMath(inside))
		s = s[at[1]:]
	}
}

func isMath(inside string) bool {
	letter := utf8.RuneCountInString(inside) == 1 && (inside[0]|0x20 >= 'a' && inside[0]|0x20 <= 'z')
	return letter || strings.ContainsAny(inside, `\^_{`+money)
}

func plainMath(s string) string {
	s = fontGroup.ReplaceAllString(s, "$1")
	s = raised.ReplaceAllStringFunc(s, func(m string) string { return superscript(raised.FindStringSubmatch(m)[1]) })
	return strings.TrimSpace(strings.NewReplacer(`\%`, "%", `\&`, "&", `\_`, "_", `\pounds `, "£", `\pounds`, "£",
		`\ldots`, "...", "~", " ", "{", "", "}", "", ` %`, "%", ` \%`, "%").Replace(s))
}

func superscript(s string) string {
	digits := []rune("⁰¹²³⁴⁵⁶⁷⁸⁹")
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return digits[r-'0']
		}
		return r
	}, s)
}

// unwrapBlocks replaces headings, lists and tables by lines of plain text; the cells of a table's row are separated by
// a bar.
func unwrapBlocks(s string) string {
	s = section.ReplaceAllString(s, "\n$1\n")
	s = tableBlock.ReplaceAllStringFunc(s, func(m string) string {
		table := spanned.ReplaceAllString(rule.ReplaceAllString(tableBlock.FindStringSubmatch(m)[1], ""), "$1")
		var rows []string
		for row := range strings.SplitSeq(table, `\\`) {
			if strings.TrimSpace(row) == "" {
				continue
			}
			cells := strings.Split(strings.ReplaceAll(row, `\&`, "＆"), "&")
			for i := range cells {
				cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "＆", "&"))
			}
			rows = append(rows, strings.TrimRight(strings.Join(cells, " | "), " |"))
		}
		return "\n" + strings.Join(rows, "\n") + "\n"
	})
	s = listItem.ReplaceAllString(s, "* ")
	return strings.ReplaceAll(environ.ReplaceAllString(s, "\n"), `\&`, "&")
}
