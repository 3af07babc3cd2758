package frontend

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Gates of a page that a browser loads for the first time.
const (
	mostBytes    = 30_000
	mostRequests = 5
	growth       = 1.05 // beyond it the file of budgets must be changed too
)

// budgets is the file that holds what each page weighs.
const budgets = "../../web/testdata/budgets.tsv"

// TestPageWeight asks for each page cold, with its assets, through the real handler, and counts compressed bytes of
// bodies and headers, and requests.
func TestPageWeight(t *testing.T) {
	s := newSite(t)
	needed := regexp.MustCompile(`<(?:link|script|img)[^>]*(?:href|src)="([^"]*)"`)
	weigh := func(path string) (bytes, requests int) {
		first := s.get(t, path, header("Accept-Encoding", "gzip"))
		addresses := []string{path}
		for _, m := range needed.FindAllStringSubmatch(s.get(t, path, header("Accept-Encoding", "identity")).body, -1) {
			addresses = append(addresses, m[1])
		}
		for _, address := range addresses {
			p := first
			if address != path {
				p = s.get(t, address, header("Accept-Encoding", "gzip"))
			}
			bytes += len(p.body)
			for name, values := range p.Header {
				bytes += len(name) + len(strings.Join(values, "")) + 4
			}
		}
		return bytes, len(addresses)
	}
	measured := map[string][2]int{}
	var lines strings.Builder
	lines.WriteString("page\tbytes\trequests\n")
	for _, path := range []string{"/", "/ask", "/about", "/arena", "/account", "/sign-in", "/nowhere"} {
		bytes, requests := weigh(path)
		measured[path] = [2]int{bytes, requests}
		assert.LessOrEqual(t, bytes, mostBytes, path)
		assert.LessOrEqual(t, requests, mostRequests, path)
		fmt.Fprintf(&lines, "%s\t%d\t%d\n", path, bytes, requests)
	}
	if *update {
		require.NoError(t, os.WriteFile(budgets, []byte(lines.String()), 0o644))
	}
	raw, err := os.ReadFile(budgets)
	require.NoError(t, err)
	for _, row := range strings.Split(strings.TrimSpace(string(raw)), "\n")[1:] {
		var path string
		var bytes, requests int
		_, err := fmt.Sscanf(row, "%s %d %d", &path, &bytes, &requests)
		require.NoError(t, err, row)
		assert.LessOrEqual(t, float64(measured[path][0]), growth*float64(bytes), "%s grew: if it is meant, run with -update", path)
		assert.Equal(t, requests, measured[path][1], path)
	}
}
