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

var needed = regexp.MustCompile(`<(?:link|script|img)[^>]*(?:href|src)="([^"]*)"`)

// weigh asks for a page and its assets, and counts compressed bytes of bodies and headers, and requests.
func (sc scene) weigh(t *testing.T, st state) (bytes, requests int) {
	t.Helper()
	who := header("Cookie", "sat="+sc.secrets[st.as])
	addresses := []string{st.path}
	for _, m := range needed.FindAllStringSubmatch(sc.get(t, st.path, who, header("Accept-Encoding", "identity")).body, -1) {
		addresses = append(addresses, m[1])
	}
	for _, address := range addresses {
		p := sc.get(t, address, who, header("Accept-Encoding", "gzip"))
		bytes += len(p.body)
		for name, values := range p.Header {
			bytes += len(name) + len(strings.Join(values, "")) + 4
		}
	}
	return bytes, len(addresses)
}

// TestPageWeight asks for each page as it is opened, cold, with its assets, through the real handler.
func TestPageWeight(t *testing.T) {
	measured := map[string][2]int{}
	var lines strings.Builder
	lines.WriteString("page\tbytes\trequests\n")
	for _, sc := range scenes(t) {
		for _, st := range sc.states {
			if len(st.actions) > 0 {
				continue
			}
			bytes, requests := sc.weigh(t, st)
			measured[st.name] = [2]int{bytes, requests}
			assert.LessOrEqual(t, bytes, mostBytes, st.name)
			assert.LessOrEqual(t, requests, mostRequests, st.name)
			fmt.Fprintf(&lines, "%s\t%d\t%d\n", st.name, bytes, requests)
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(budgets, []byte(lines.String()), 0o644))
	}
	raw, err := os.ReadFile(budgets)
	require.NoError(t, err)
	rows := strings.Split(strings.TrimSpace(string(raw)), "\n")[1:]
	assert.Len(t, rows, len(measured), "each page has its budget: run with -update")
	for _, row := range rows {
		var name string
		var bytes, requests int
		_, err := fmt.Sscanf(row, "%s %d %d", &name, &bytes, &requests)
		require.NoError(t, err, row)
		assert.LessOrEqual(t, float64(measured[name][0]), growth*float64(bytes), "%s grew: if it is meant, run with -update", name)
		assert.Equal(t, requests, measured[name][1], name)
	}
}
