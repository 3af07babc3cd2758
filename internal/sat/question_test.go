package sat

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFoldIsLowerCaseWithoutWhiteSpaceAndFullStop(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ \t\x{a0}]{0,2}[A-Ca-cÉ. ]{0,8}[ .\n]?`))
	rapid.Check(t, func(t *rapid.T) {
		s := text.Draw(t, "text")
		want := strings.TrimSuffix(strings.ToLower(strings.Join(strings.Fields(s), " ")), ".")
		if got := Fold(s); got != want {
			t.Fatalf("Fold(%q) = %q, want %q", s, got, want)
		}
	})
}
