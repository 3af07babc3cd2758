package sat

import (
	"strings"
	"unicode/utf8"
)

// maxFilterWords bounds the words of a search, in characters.
const maxFilterWords = 500

// ItemFilterNames are the names that ParseItemFilter asks for, the same wherever items are chosen.
func ItemFilterNames() []string {
	return []string{"q", "framework", "domain", "skill", "genre", "difficulty", "split", "licence", "tag", "passage"}
}

// ParseItemFilter reads a choice of items; get gives what stands under a name, "" for no wish. Codes are taken in either
// case. A value that stands for nothing is an Invalid that names it: it must not choose no item, or all.
func ParseItemFilter(get func(name string) string) (ItemFilter, error) {
	var c complaints
	f := ItemFilter{
		Words:      get("q"),
		Framework:  codeOf(&c, "framework", strings.ToLower(get("framework")), Frameworks()),
		Domain:     codeOf(&c, "domain", strings.ToUpper(get("domain")), Domains()),
		Skill:      codeOf(&c, "skill", strings.ToUpper(get("skill")), Skills()),
		Genre:      codeOf(&c, "genre", strings.ToLower(get("genre")), Genres()),
		Difficulty: codeOf(&c, "difficulty", strings.ToUpper(get("difficulty")), Difficulties()),
		Split:      codeOf(&c, "split", strings.ToLower(get("split")), Splits()),
		Licence:    get("licence"),
		Tag:        get("tag"),
		PassageID:  get("passage"),
	}
	if n := utf8.RuneCountInString(f.Words); n > maxFilterWords {
		c.add("q", "has %d characters; at most %d are allowed", n, maxFilterWords)
	}
	if f.Tag != "" && !ValidTag(f.Tag) {
		c.add("tag", "must be 1 to 50 of letters, digits, _, full stop, colon and -")
	}
	if f.PassageID != "" && !ValidID(f.PassageID) {
		c.add("passage", "%s", idRule)
	}
	return f, c.err("The choice of questions is not understood.")
}

// Validate checks what an import is told beside its file.
func (r ImportRequest) Validate() error {
	var c complaints
	codeOf(&c, "framework", string(r.Framework), Frameworks())
	codeOf(&c, "skill", string(r.Skill), Skills())
	return c.err("The import is not understood. Nothing was stored.")
}

// codeOf gives a value that is one of a list or empty, and complains of another one.
func codeOf[T ~string](c *complaints, field, value string, all []T) T {
	if value == "" {
		return ""
	}
	names := make([]string, len(all))
	for i, code := range all {
		if string(code) == value {
			return code
		}
		names[i] = string(code)
	}
	c.add(field, "%q is none of %s", value, strings.Join(names, ", "))
	return ""
}

// err gives the complaints as an Invalid; nil for none.
func (c *complaints) err(message string) error {
	if c.fields == nil {
		return nil
	}
	return &Error{Code: Invalid, Message: message, Fields: c.fields}
}
