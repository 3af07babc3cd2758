package dataset

import (
	"regexp"
	"strings"
)

// The labels that data give to whatever is trained on them.
const (
	Permissive   = "permissive"
	ResearchOnly = "research-only"
	UserSupplied = "user-supplied"
)

var (
	free       = regexp.MustCompile(`(?i)^(cc0(-1\.0)?|cc-by-[1-4]\.0|mit|apache-2\.0|bsd-[23]-clause|unlicense|public domain.*)$`)
	restricted = regexp.MustCompile(`(?i)research|non-?commercial|\bnc\b|-nc-`)
)

// Label gives the label of one licence: what is not known to be free is the user's own affair.
func Label(licence string) string {
	licence = strings.TrimSpace(licence)
	switch {
	case restricted.MatchString(licence):
		return ResearchOnly
	case free.MatchString(licence):
		return Permissive
	}
	return UserSupplied
}

// strictest joins labels: the data are as restricted as the most restricted part of them.
func strictest(a, b string) string {
	rank := map[string]int{"": 0, Permissive: 1, UserSupplied: 2, ResearchOnly: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}
