package plaintext

import "regexp"

var (
	formula = regexp.MustCompile(`^'*[=+\-@\t\r]`)
	guard   = regexp.MustCompile(`^'+[=+\-@\t\r]`)
)

// Guarded keeps a spreadsheet from reading a cell as a formula: such a cell gets one more leading quotation mark,
// whatever marks guard it already.
func Guarded(cell string) string {
	if formula.MatchString(cell) {
		return "'" + cell
	}
	return cell
}

// Unguarded is the inverse of [Guarded].
func Unguarded(cell string) string {
	if guard.MatchString(cell) {
		return cell[1:]
	}
	return cell
}
