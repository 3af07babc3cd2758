package sat

import (
	"strings"
	"time"
)

// Cursor is where a page ends of a list that has the newest first. Things of one time are told apart by their ids; without
// an id all of them are behind it already.
type Cursor struct {
	At time.Time
	ID string
}

// String gives the cursor as the API passes it: a time, "~" and an id.
func (c Cursor) String() string {
	text := c.At.UTC().Format(time.RFC3339Nano)
	if c.ID != "" {
		text += "~" + c.ID
	}
	return text
}

// ParseCursor reads what String gave, or a time alone; the beginning of the list for "".
func ParseCursor(text string) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	when, id, _ := strings.Cut(text, "~")
	at, err := time.Parse(time.RFC3339Nano, when)
	if err != nil {
		return Cursor{}, &Error{Code: Invalid, Message: "There is no such page.", Err: err, Fields: []FieldError{
			{Field: "before", Message: "is none that a page gave, and no time either; leave it out to begin with the newest"}}}
	}
	return Cursor{At: at, ID: id}, nil
}
