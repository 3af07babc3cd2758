package frontend

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sattutor/internal/sat"
)

// bankFilters are the names by which questions are chosen in addresses, those of the API.
var bankFilters = []string{"q", "framework", "domain", "skill", "genre", "difficulty", "split", "tag", "passage", "reported"}

// filterOf reads out of an address which questions are meant.
func filterOf(r *http.Request) url.Values {
	filter, query := url.Values{}, r.URL.Query()
	for _, name := range bankFilters {
		if v := strings.TrimSpace(query.Get(name)); v != "" {
			filter.Set(name, v)
		}
	}
	return filter
}

// filters gives the search form's select boxes as a query has them.
func filters(q url.Values) []selectBox {
	return []selectBox{
		{"skill", "Skill", options("any skill", q.Get("skill"), sat.Skills(), skillLabel)},
		{"framework", "Exam", options("any exam", q.Get("framework"), sat.Frameworks(), plainLabel)},
		{"genre", "Genre", options("any genre", q.Get("genre"), sat.Genres(), plainLabel)},
		{"difficulty", "Difficulty", options("any", q.Get("difficulty"), sat.Difficulties(), sat.Difficulty.Title)},
	}
}

// splitFilter is the select box of what questions are kept for, which teachers alone can choose by.
func splitFilter(q url.Values) selectBox {
	return selectBox{"split", "Kept for", options("anything", q.Get("split"), sat.Splits(), plainLabel)}
}

// hiddenField is a value that a form carries along.
type hiddenField struct{ Name, Value string }

// carried gives what a filter holds and none of the form's own controls shows.
func carried(filter url.Values, shown []selectBox) []hiddenField {
	var list []hiddenField
	for _, name := range bankFilters {
		if name == "q" || !filter.Has(name) || slices.ContainsFunc(shown, func(b selectBox) bool { return b.Name == name }) {
			continue
		}
		list = append(list, hiddenField{name, filter.Get(name)})
	}
	return list
}

// filterWords says in words which questions a filter chooses: "the words “lamp”, skill INF". It is "" for all of them.
func filterWords(filter url.Values) string {
	var parts []string
	for _, name := range bankFilters {
		v := filter.Get(name)
		switch {
		case v == "":
		case name == "q":
			parts = append(parts, "the words “"+v+"”")
		case name == "reported":
			parts = append(parts, "reported")
		case name == "split":
			parts = append(parts, "kept for "+v)
		case name == "difficulty":
			parts = append(parts, "difficulty "+sat.Difficulty(v).Title())
		default:
			parts = append(parts, fieldWords(name)+" "+v)
		}
	}
	return strings.Join(parts, ", ")
}
