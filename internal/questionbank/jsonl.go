package questionbank

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"sattutor/internal/sat"
)

// jsonlVersion is the version of the format that is written and read.
const jsonlVersion = 1

// jsonItem is a line of JSONL v1.
type jsonItem struct {
	V int `json:"v"`
	sat.Item
}

const (
	maxJSONLine  = 1 << 20
	maxJSONDepth = 16
)

func readJSONL(r *reader) {
	known := jsonFields(reflect.TypeFor[jsonItem]())
	eachJSONLine(r, known, func(n, line int, text []byte) {
		var it jsonItem
		it.V = -1
		if !decodeJSON(r, n, line, text, &it) {
			return
		}
		switch {
		case it.V == -1:
			r.reject(n, placed(line, 1), "v", CodeSyntax, `is missing; each line begins with {"v":1`)
			return
		case it.V != jsonlVersion:
			r.reject(n, placed(line, 1), "v", CodeUnsupported, "is %d; only version %d is known", it.V, jsonlVersion)
			return
		}
		if it.ID == "" {
			r.reject(n, placed(line, 1), "id", L01, "is missing; give each question an id of its own")
		}
		r.entry(n, placed(line, 1), it.Item)
		r.spots[n] = jsonSpots(line, text)
	})
}

// eachJSONLine calls do for each line that holds an object without double and misspelt keys.
func eachJSONLine(r *reader, known map[string]bool, do func(n, line int, text []byte)) {
	line := 0
	for text := range bytes.SplitSeq(r.data, []byte("\n")) {
		line++
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		n := r.next()
		if n == 0 {
			return
		}
		if len(text) > maxJSONLine {
			r.reject(n, placed(line, 1), "", CodeLimit, "the line has %d bytes; at most %d are taken", len(text), maxJSONLine)
			continue
		}
		w := jsonWalk{text: text, known: known}
		if err := w.run(); err != nil {
			r.reject(n, placeOnLine(line, text, w.at), err.field, err.code, "%s", err.message)
			continue
		}
		for _, u := range w.unknown {
			r.note(n, placeOnLine(line, text, u.at), u.path, CodeUnknownField, SeverityLoss, "is not known and is left out")
		}
		do(n, line, text)
	}
}

// placeOnLine gives the place of a byte offset of a line.
func placeOnLine(line int, text []byte, offset int) Place {
	return placed(line, placeIn(text, offset).Column)
}

// decodeJSON fills v from a line, or says at what field it cannot.
func decodeJSON(r *reader, n, line int, text []byte, v any) bool {
	err := json.Unmarshal(text, v)
	if err == nil {
		return true
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		r.reject(n, placeOnLine(line, text, int(wrong.Offset)-1), strings.TrimPrefix(wrong.Field, "Item."), CodeSyntax, "is a %s where a %s belongs",
			wrong.Value, jsonKind(wrong.Type))
		return false
	}
	r.reject(n, placed(line, 1), "", CodeSyntax, "the line is not well-formed JSON: %v", err)
	return false
}

func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "list"
	case reflect.Struct:
		return "object"
	case reflect.Bool:
		return "true or false"
	}
	return "whole number"
}

// jsonSpots finds the places of an item's fields, when first asked for one.
func jsonSpots(line int, text []byte) func(string) spot {
	var places map[string]int
	return func(field string) spot {
		if places == nil {
			w := jsonWalk{text: text, places: map[string]int{}}
			_ = w.run()
			places = w.places
		}
		for field != "" {
			if at, ok := places[field]; ok {
				return spot{Place: placeOnLine(line, text, at)}
			}
			field = field[:max(strings.LastIndexAny(field, ".["), 0)]
		}
		return spot{}
	}
}

// jsonFields gives the path of each field of a type, with [] for the entries of lists.
func jsonFields(t reflect.Type) map[string]bool {
	known := map[string]bool{}
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		switch t.Kind() {
		case reflect.Slice:
			walk(t.Elem(), path+"[]")
		case reflect.Struct:
			for f := range t.Fields() {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				switch {
				case f.Anonymous:
					walk(f.Type, path)
				case name != "" && name != "-":
					known[join(path, name)] = true
					walk(f.Type, join(path, name))
				}
			}
		}
	}
	walk(t, "")
	return known
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// jsonWalk reads a JSON object as a stream, for what decoding into a struct passes over.
type jsonWalk struct {
	text    []byte
	known   map[string]bool // paths that may occur; nil: any
	places  map[string]int  // filled with the offset of each value, if not nil
	dec     *json.Decoder
	at      int // offset of the fault
	unknown []jsonPlace
}

type jsonPlace struct {
	path string
	at   int
}

// jsonFault says what is wrong with a line.
type jsonFault struct {
	field, message string
	code           Code
}

// Bounds of what is kept of one line: places of fields, and unknown fields.
const (
	maxPlaces  = 5_000
	maxUnknown = 20
)

func (w *jsonWalk) run() *jsonFault {
	w.dec = json.NewDecoder(bytes.NewReader(w.text))
	w.dec.UseNumber()
	if fault := w.value("", "", 0); fault != nil {
		return fault
	}
	rest := w.text[w.dec.InputOffset():]
	if more := bytes.TrimSpace(rest); len(more) > 0 {
		w.at = len(w.text) - len(bytes.TrimLeft(rest, " \t"))
		return &jsonFault{"", "the line goes on after its object; write one object a line", CodeSyntax}
	}
	return nil
}

func (w *jsonWalk) token() (json.Token, *jsonFault) {
	t, err := w.dec.Token()
	if err == nil {
		return t, nil
	}
	w.at = int(w.dec.InputOffset())
	var wrong *json.SyntaxError
	if errors.As(err, &wrong) {
		w.at = max(int(wrong.Offset)-1, 0)
	}
	message := "the line ends in the middle of its object"
	if wrong != nil {
		message = "the line is not well-formed JSON: " + wrong.Error()
	}
	return nil, &jsonFault{"", message, CodeSyntax}
}

// value reads the next value; path is where it stands, form the same with [] for the places in lists.
func (w *jsonWalk) value(path, form string, depth int) *jsonFault {
	t, fault := w.token()
	if fault != nil {
		return fault
	}
	w.at = int(w.dec.InputOffset()) - 1
	delim, nested := t.(json.Delim)
	switch {
	case depth == 0 && (!nested || delim != '{'):
		return &jsonFault{"", "the line is no JSON object", CodeSyntax}
	case depth > maxJSONDepth:
		return &jsonFault{path, fmt.Sprintf("is nested more than %d deep", maxJSONDepth), CodeLimit}
	case nested && delim == '{':
		return w.object(path, form, depth)
	case nested:
		return w.list(path, form, depth)
	}
	return nil
}

func (w *jsonWalk) list(path, form string, depth int) *jsonFault {
	for i := 0; w.dec.More(); i++ {
		at := path
		if w.places != nil {
			at = fmt.Sprintf("%s[%d]", path, i)
			w.place(at)
		}
		if fault := w.value(at, form+"[]", depth+1); fault != nil {
			return fault
		}
	}
	_, fault := w.token()
	return fault
}

// place keeps where the next value begins.
func (w *jsonWalk) place(path string) {
	if len(w.places) < maxPlaces {
		at := int(w.dec.InputOffset())
		for at < len(w.text) && strings.IndexByte(" \t,:", w.text[at]) >= 0 {
			at++
		}
		w.places[path] = at
	}
}

func (w *jsonWalk) object(path, form string, depth int) *jsonFault {
	seen := map[string]bool{}
	for w.dec.More() {
		t, fault := w.token()
		if fault != nil {
			return fault
		}
		key, ok := t.(string)
		at := max(int(w.dec.InputOffset())-len(key)-1, 0)
		if !ok || seen[key] {
			w.at = at
			return &jsonFault{join(path, key), "stands twice; which one is meant?", CodeSyntax}
		}
		seen[key] = true
		name := join(form, key)
		if w.known != nil && !w.known[name] {
			if w.known[strings.ToLower(name)] {
				w.at = at
				return &jsonFault{join(path, key), fmt.Sprintf("is not known; write %q", strings.ToLower(key)), CodeUnknownField}
			}
			if len(w.unknown) < maxUnknown {
				w.unknown = append(w.unknown, jsonPlace{join(path, key), at})
			}
		}
		if w.places != nil {
			w.place(join(path, key))
		}
		if fault := w.value(join(path, key), name, depth+1); fault != nil {
			return fault
		}
	}
	_, fault := w.token()
	return fault
}

func writeJSONL(w *writer) error {
	for _, it := range w.items {
		w.Write(marshal(jsonItem{jsonlVersion, it}))
		w.WriteByte('\n')
	}
	return nil
}
