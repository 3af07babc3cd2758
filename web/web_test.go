package web_test

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"math"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/web"
)

func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := fs.ReadFile(web.Files, name)
	require.NoError(t, err)
	return string(raw)
}

var (
	rootBlock = regexp.MustCompile(`(?s):root \{(.*?)\}`)
	token     = regexp.MustCompile(`--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`)
)

// luminance is the relative luminance of a colour: WCAG 2.2, "relative luminance".
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(colour[1:], 16, 32)
	require.NoError(t, err)
	channel := func(shift int) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
}

// contrast is the contrast ratio of two colours: WCAG 2.2, "contrast ratio".
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
}

// TestContrast computes every pair of tokens that meet, in light and dark, plain and high contrast.
func TestContrast(t *testing.T) {
	pairs := []struct {
		front, back string
		least       float64
	}{
		{"ink", "paper", 12}, {"ink", "sheet", 12}, {"ink-2", "paper", 5}, {"ink-2", "sheet", 5},
		{"pencil", "paper", 4.5}, {"pencil", "sheet", 4.5}, {"sheet", "pencil", 4.5},
		{"edge", "paper", 3}, {"edge", "sheet", 3},
		{"right", "sheet", 4.5}, {"wrong", "sheet", 4.5}, {"warn", "sheet", 4.5}, {"wrong", "paper", 4.5}, {"warn", "paper", 4.5},
		{"ink", "marker", 4.5},
	}
	blocks := rootBlock.FindAllStringSubmatch(read(t, "static/css/site.css"), -1)
	require.GreaterOrEqual(t, len(blocks), 2, "plain and high contrast")
	themes := [2]map[string]string{{}, {}}
	for i, name := range []string{"plain", "high contrast"} {
		for _, m := range token.FindAllStringSubmatch(blocks[i][1], -1) {
			themes[0][m[1]], themes[1][m[1]] = m[2], m[3]
		}
		for j, scheme := range []string{"light", "dark"} {
			for _, p := range pairs {
				require.NotEmpty(t, themes[j][p.front], p.front)
				got := contrast(t, themes[j][p.front], themes[j][p.back])
				assert.GreaterOrEqual(t, got, p.least, "%s, %s: %s on %s", name, scheme, p.front, p.back)
			}
		}
	}
	assert.InDelta(t, 21, contrast(t, "#ffffff", "#000000"), 1e-9)
}

// TestColoursAreTokens: outside of the tokens, and of print, no colour is written down.
func TestColoursAreTokens(t *testing.T) {
	css := read(t, "static/css/site.css")
	css = regexp.MustCompile(`(?s)@media print.*`).ReplaceAllString(rootBlock.ReplaceAllString(css, ""), "")
	assert.Empty(t, regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b[^{]*;|rgba?\(|hsl\(`).FindAllString(css, -1))
}

// TestWeightOfTheFiles holds the style sheet to 5 KB and the scripts to 6 KB and 2 KB, compressed.
func TestWeightOfTheFiles(t *testing.T) {
	for name, most := range map[string]int{"static/css/site.css": 5_000, "static/js/ask.js": 6_000, "static/js/lint.js": 2_000, "static/js/arena.js": 2_000, "static/img/icon.svg": 1_000} {
		var out bytes.Buffer
		w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
		require.NoError(t, err)
		_, err = w.Write([]byte(read(t, name)))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		assert.LessOrEqual(t, out.Len(), most, name)
	}
}

// TestNothingComesFromElsewhere: no file names another site, but for XML's own namespaces.
func TestNothingComesFromElsewhere(t *testing.T) {
	foreign := regexp.MustCompile(`(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}`)
	require.NoError(t, fs.WalkDir(web.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		for _, address := range foreign.FindAllString(read(t, name), -1) {
			assert.Equal(t, "http://www.w3.org", address, name)
		}
		return nil
	}))
}

// TestPreferencesAreHonoured names the media features that the style sheet must answer.
func TestPreferencesAreHonoured(t *testing.T) {
	css := read(t, "static/css/site.css")
	for _, want := range []string{"color-scheme: light dark", "prefers-contrast: more", "prefers-reduced-motion", "forced-colors: active", "@media print",
		`[data-theme="light"]`, `[data-theme="dark"]`} {
		assert.Contains(t, css, want)
	}
	assert.NotContains(t, css, "@import")
	assert.NotContains(t, css, "url(")
}
