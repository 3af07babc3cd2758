package backend

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"sattutor/internal/sat"
)

// whole is a request's body, read to its end and found to be text that could be JSON.
type whole struct {
	raw  []byte
	left []byte
}

// Read implements [io.Reader].
func (b *whole) Read(p []byte) (int, error) {
	if len(b.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

// Close implements [io.Closer].
func (b *whole) Close() error { return nil }

// jsonBody reads the body of a request that has one, and refuses what is not unambiguous JSON text: another content
// type, bytes that are no UTF-8, too many levels, a field given twice.
func jsonBody(next http.Handler) http.Handler {
	return handle(func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodDelete {
			next.ServeHTTP(w, r)
			return nil
		}
		if !isJSON(r.Header.Get("Content-Type")) {
			return errMediaType()
		}
		raw, err := readAll(r)
		if err != nil {
			return err
		}
		if err := checkText(raw); err != nil {
			return err
		}
		r.Body = &whole{raw: raw, left: raw}
		next.ServeHTTP(w, r)
		return nil
	})
}

// readAll reads the body into one allocation where its length is declared; it was bounded before.
func readAll(r *http.Request) ([]byte, error) {
	var raw []byte
	var err error
	if r.ContentLength >= 0 {
		raw = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, raw)
	} else {
		raw, err = io.ReadAll(r.Body)
	}
	if err == nil {
		return raw, nil
	}
	if tooBig := new(http.MaxBytesError); errors.As(err, &tooBig) {
		return nil, err
	}
	return nil, &refusal{status: http.StatusBadRequest, code: "malformed", detail: "The body ended too soon.", cause: err}
}

// isJSON accepts application/json and its relatives, in UTF-8, and a body whose type is not named.
func isJSON(contentType string) bool {
	if contentType == "" || contentType == "application/json" {
		return true
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return false
	}
	charset, named := params["charset"]
	return !named || strings.EqualFold(charset, "utf-8")
}

// checkText finds what encoding/json would pass over in silence.
func checkText(raw []byte) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return errMalformed("The body is empty; send a JSON object.")
	}
	if !utf8.Valid(raw) {
		return errMalformed("The body is not UTF-8.")
	}
	return survey(raw)
}

// maxNames bounds the fields of the outermost object.
const maxNames = 64

// survey walks over JSON text without judging its grammar, which decoding does. It refuses too many levels, and a
// field that the outermost object has twice: the two would be read differently by different readers.
func survey(raw []byte) error {
	names := make([][]byte, 0, 8)
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{', '[':
			if depth++; depth > MaxDepth {
				return errMalformed("The body has too many levels of brackets.")
			}
			if depth == 1 {
				names = names[:0]
			}
		case '}', ']':
			depth--
		case '"':
			end := closing(raw, i)
			if depth == 1 && isName(raw, end) {
				name := plain(raw[i : end+1])
				if len(names) == maxNames {
					return errMalformed("The body has too many fields.")
				}
				if slices.ContainsFunc(names, func(n []byte) bool { return bytes.EqualFold(n, name) }) {
					return errTwice(name)
				}
				names = append(names, name)
			}
			i = end
		}
	}
	return nil
}

// closing gives the position of the quotation mark that ends the string which begins at i, the last one without it.
func closing(raw []byte, i int) int {
	for i++; i < len(raw) && raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return min(i, len(raw)-1)
}

// isName tells whether the string that ended at i is followed by a colon.
func isName(raw []byte, i int) bool {
	rest := bytes.TrimLeft(raw[i+1:], " \t\r\n")
	return len(rest) > 0 && rest[0] == ':'
}

// plain gives a quoted name without its quotation marks and escapes.
func plain(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		var name string
		if json.Unmarshal(quoted, &name) == nil {
			return []byte(name)
		}
	}
	return quoted[1 : len(quoted)-1]
}

func errTwice(name []byte) error {
	field := "body"
	if len(name) <= 32 && len(bytes.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")) == 0 {
		field = strings.ToLower(string(name))
	}
	return &sat.Error{Code: sat.Invalid, Message: "The request gives a field twice.",
		Fields: []sat.FieldError{{Field: field, Message: "is given more than once; give it once"}}}
}

// decode reads the body that jsonBody accepted into the shape that into points to. Unknown fields are ignored, as the
// original did.
func decode(r *http.Request, into any) error {
	body, ok := r.Body.(*whole)
	if !ok {
		return errMediaType()
	}
	err := json.Unmarshal(body.raw, into)
	if err == nil {
		return nil
	}
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) {
		return errType(wrong)
	}
	return errMalformed("The body is no JSON.")
}

// errType names the field whose value has a wrong type.
func errType(wrong *json.UnmarshalTypeError) error {
	field := wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:]
	if field == "" {
		field = "body"
	}
	want := "an object"
	switch {
	case field == "choices":
		want = "a list of strings"
	case wrong.Type.Kind() == reflect.String:
		want = "a string"
	case wrong.Type.Kind() == reflect.Bool:
		want = "true or false"
	case wrong.Type.Kind() == reflect.Slice:
		want = "a list"
	case wrong.Type.Kind() != reflect.Struct:
		want = "a number"
	}
	return &sat.Error{Code: sat.Invalid, Message: "A field has the wrong type.",
		Fields: []sat.FieldError{{Field: field, Message: "must be " + want}}}
}
