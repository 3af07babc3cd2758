package questionbank

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sattutor/internal/sat"
)

func TestCanonicalIsAFixedPoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		it := anyItem().Draw(t, "item")
		require.Equal(t, it, Canonical(it))
	})
}

// What is read of what was written is what the format carries, and what it does not carry was said.
func TestRoundTrip(t *testing.T) {
	for _, c := range codecs() {
		if c.read == nil {
			continue
		}
		t.Run(string(c.Format), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				bank := anyBank().Draw(t, "bank")
				file, losses, err := Write(bank, c.Format, WriteOptions{})
				require.NoError(t, err)
				left := map[string]bool{}
				for _, l := range losses {
					if l.Severity == SeverityError {
						left[l.ID] = true
					}
				}
				require.False(t, (c.Lossless || c.Format == Moodle || c.Format == GIFT || c.Format == CSV || c.Format == XLSX) && len(left) > 0,
					"this format can hold every text")
				var want []sat.Item
				opts := ReadOptions{Format: c.Format, Framework: bank[0].Framework, Skill: bank[0].Skill}
				for _, it := range bank {
					if left[it.ID] {
						continue
					}
					if c.keep != nil {
						it = c.keep(it)
					}
					want = append(want, opts.complete(it))
				}
				if want == nil {
					return
				}
				back := Read(file, opts)
				var got []sat.Item
				for _, e := range back.Entries {
					got = append(got, e.Item)
				}
				require.Equal(t, want, got, "%s\n%v", file, back.Findings)
				if c.Lossless {
					require.Empty(t, losses)
					for _, f := range back.Findings { // a line number in the text may be one that the passage does not have
						require.False(t, f.Severity == SeverityError && f.Code != L04, f.String())
					}
				}
				for _, f := range back.Findings {
					require.NotContains(t, []Code{CodeSyntax, CodeHeader, CodeLoss, CodeUnknownField, CodeEncoding, CodeUnsupported}, f.Code, f.String())
				}
				again, _, err := Write(bank, c.Format, WriteOptions{})
				require.NoError(t, err)
				require.Equal(t, file, again, "the same bank gives another file")
			})
		})
	}
}

// The losses are exactly the fields that differ.
func TestLossesAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		it := anyItem().Draw(t, "item")
		for _, c := range codecs() {
			kept := it
			if c.keep != nil {
				kept = c.keep(it)
			}
			before, after := fields(it), fields(kept)
			want := map[string]bool{}
			for _, f := range before {
				want[f.field] = true
			}
			for _, f := range after {
				for _, b := range before {
					if f == b {
						delete(want, f.field)
					}
				}
			}
			got := map[string]bool{}
			for _, l := range Losses(it, c.Format) {
				got[l.Field] = true
				require.Equal(t, SeverityLoss, l.Severity)
			}
			require.Equal(t, want, got, c.Format)
		}
	})
}

func TestFormatsAreToldByTheirContent(t *testing.T) {
	for _, c := range codecs() {
		if c.read == nil {
			continue
		}
		file, _, err := Write([]sat.Item{ferry()}, c.Format, WriteOptions{})
		require.NoError(t, err)
		assert.Equal(t, c.Format, Guess(file))
		assert.Equal(t, c.Format, Guess(append([]byte("\xef\xbb\xbf"), file...)), "with a byte order mark")
	}
}

func TestPassagesApart(t *testing.T) {
	second := ferry()
	second.ID, second.Question = "ferry-low-water-2", "What does the text say about the bridge?"
	file, _, err := Write([]sat.Item{ferry(), second}, Moodle, WriteOptions{PassagesApart: true})
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(file), "For eleven years"))
	back := Read(file, ReadOptions{})
	assert.Equal(t, []sat.Item{keepMoodle(ferry()), keepMoodle(second)}, back.Items(), fmt.Sprint(back.Findings))
}
