package plaintext

import "golang.org/x/text/unicode/norm"

// Compatible gives the NFKC form of s, in which ligatures, full-width letters and the like are their plain selves: for
// comparing texts, never for showing them.
func Compatible(s string) string { return norm.NFKC.String(s) }
