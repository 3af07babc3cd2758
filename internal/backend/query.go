package backend

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sattutor/internal/sat"
)

// query is the query of a call that is not described by a struct. What it does not understand is refused by name and
// never passed over: an import that was meant as a rehearsal must not store anything.
type query struct {
	values url.Values
	wrong  []sat.FieldError
}

// readQuery reads the query of a request, which may give each of the known names once.
func readQuery(r *http.Request, known ...string) *query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.refuse("query", "cannot be read; escape what is no letter or digit")
	}
	for name, given := range values {
		switch {
		case !slices.Contains(known, name):
			q.refuse(name, "is not known here; there are "+strings.Join(known, ", "))
		case len(given) > 1:
			q.refuse(name, "is given more than once; give it once")
		}
	}
	return q
}

func (q *query) refuse(field, message string) {
	q.wrong = append(q.wrong, sat.FieldError{Field: field, Message: message})
}

// text gives a value, "" where there is none.
func (q *query) text(name string) string { return q.values.Get(name) }

// flag tells whether something is switched on; it is off where it is not named.
func (q *query) flag(name string) bool {
	if !q.values.Has(name) {
		return false
	}
	on, err := strconv.ParseBool(q.text(name))
	if err != nil {
		q.refuse(name, "must be 1 or 0, or true or false")
	}
	return on
}

// choice gives one of some words, the first where the name is not given.
func (q *query) choice(name string, words ...string) string {
	given := q.text(name)
	switch {
	case given == "":
		return words[0]
	case !slices.Contains(words, given):
		q.refuse(name, "must be one of "+strings.Join(words, ", "))
	}
	return given
}

// err names all that was not understood, in the order of the names; with it what another reader of the query complains
// of.
func (q *query) err(other error) error {
	if wrong := new(sat.Error); errors.As(other, &wrong) {
		q.wrong = append(q.wrong, wrong.Fields...)
	} else if other != nil {
		return other
	}
	if q.wrong == nil {
		return nil
	}
	slices.SortStableFunc(q.wrong, func(a, b sat.FieldError) int { return strings.Compare(a.Field, b.Field) })
	return &sat.Error{Code: sat.Invalid, Message: "The address holds what is not understood. Nothing was done.", Fields: q.wrong}
}
