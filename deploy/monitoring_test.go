package deploy

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"sattutor/internal/testneeds"
)

// rules is a file of recording rules or alerts.
type rules struct {
	Groups []struct {
		Rules []struct {
			Record, Alert, Expr string
			Labels, Annotations map[string]string
		}
	}
}

func parsed[T any](t *testing.T, path string) (value T) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal([]byte(read(t, path)), &value), path)
	return value
}

// panel is one panel of a dashboard, or a row of them.
type panel struct {
	Title, Type string
	Datasource  struct{ UID string }
	Targets     []struct {
		Expr       string
		Datasource struct{ UID string }
	}
	GridPos struct{ W, H, X, Y int }
}

type dashboard struct {
	UID, Title string
	Panels     []panel
}

func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	paths, err := filepath.Glob("grafana/dashboards/*.json")
	require.NoError(t, err)
	all := map[string]dashboard{}
	for _, path := range paths {
		var d dashboard
		require.NoError(t, json.Unmarshal([]byte(read(t, "deploy/"+path)), &d), path)
		all[path] = d
	}
	return all
}

// expressions gives everything that is asked of Prometheus, by where it is asked.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, file := range []string{"rules.yml", "alerts.yml"} {
		for _, group := range parsed[rules](t, "deploy/prometheus/"+file).Groups {
			for _, r := range group.Rules {
				all[r.Record+r.Alert] = r.Expr
			}
		}
	}
	for path, d := range dashboards(t) {
		for _, p := range d.Panels {
			for i, target := range p.Targets {
				if target.Datasource.UID == "${datasource}" {
					all[fmt.Sprintf("%s: %s %d", path, p.Title, i)] = target.Expr
				}
			}
		}
	}
	require.Greater(t, len(all), 80)
	return all
}

var (
	notMetrics  = regexp.MustCompile(`"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`)
	identifiers = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*(\s*\()?`)
	words       = []string{"and", "or", "unless", "offset", "bool", "by", "without", "group_left", "group_right"}
	durations   = regexp.MustCompile(`^(ms|[smhdwy])$`)
)

// metricsOf gives the metrics that an expression reads: names that are no function, no keyword and no unit of time.
func metricsOf(expr string) (names []string) {
	for _, found := range identifiers.FindAllString(notMetrics.ReplaceAllString(expr, " "), -1) {
		if !strings.HasSuffix(found, "(") && !slices.Contains(words, found) && !durations.MatchString(found) {
			names = append(names, found)
		}
	}
	return names
}

func TestMetricsOfAnExpression(t *testing.T) {
	for expr, want := range map[string][]string{
		`sum by (le) (rate(a_bucket{x=~"b|c"}[5m]))`:                {"a_bucket"},
		`vllm:a > 0.9 and on () count(b{c="d"} offset 5m)`:          {"vllm:a", "b"},
		`a / on (x) group_left (y) b unless absent(c)`:              {"a", "b", "c"},
		`histogram_quantile(0.95, sum by(le)(rate(e_bucket[10m])))`: {"e_bucket"},
		`14.4 * 0.005`: nil,
	} {
		assert.Equal(t, want, metricsOf(expr), expr)
	}
}

// exported gives every series that something scraped exports: testdata holds what real scrapes of the services, of the
// llama-servers and of vLLM showed, with the names of the labels.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{"up": true, "ALERTS": true}
	for _, source := range []string{"backend", "frontend", "llama", "vllm"} {
		for line := range strings.Lines(read(t, "deploy/prometheus/testdata/"+source+".series")) {
			name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			names[name] = true
		}
	}
	for _, group := range parsed[rules](t, "deploy/prometheus/rules.yml").Groups {
		for _, r := range group.Rules {
			names[r.Record] = true
		}
	}
	return names
}

func TestEveryExpressionReadsWhatIsExported(t *testing.T) {
	known := exported(t)
	for where, expr := range expressions(t) {
		names := metricsOf(expr)
		assert.True(t, len(names) > 0 || strings.HasPrefix(expr, "vector("), "%s reads nothing: %s", where, expr)
		for _, name := range names {
			assert.True(t, known[name], "%s reads %s, which nothing exports", where, name)
		}
	}
}

func promtool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		testneeds.Missing(t, testneeds.GroupPrometheus, "no promtool on PATH (Debian: prometheus)")
	}
	return path
}

func TestPromtoolAcceptsAndTestsTheRules(t *testing.T) {
	tool := promtool(t)
	dir := t.TempDir()
	config := strings.ReplaceAll(read(t, "deploy/prometheus/prometheus.yml"), "ENGINE_PORT", "8123")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600))
	for _, file := range []string{"rules.yml", "alerts.yml"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(read(t, "deploy/prometheus/"+file)), 0o600))
	}
	for _, args := range [][]string{
		{"check", "config", filepath.Join(dir, "prometheus.yml")},
		{"check", "rules", "prometheus/rules.yml", "prometheus/alerts.yml"},
		{"test", "rules", "prometheus/tests.yml"},
	} {
		out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
		assert.NoError(t, err, "%s\n%s", args, out)
	}
}

// TestEveryExpressionParses lets Prometheus' own parser read the dashboards, as rules of a file made for it.
func TestEveryExpressionParses(t *testing.T) {
	tool := promtool(t)
	var file struct {
		Groups []map[string]any `yaml:"groups"`
	}
	for where, expr := range expressions(t) {
		rule := map[string]string{"record": "x", "expr": expr}
		file.Groups = append(file.Groups, map[string]any{"name": where, "rules": []any{rule}})
	}
	text, err := yaml.Marshal(file)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "expressions.yml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	out, err := exec.CommandContext(t.Context(), tool, "check", "rules", path).CombinedOutput()
	assert.NoError(t, err, string(out))
}

func TestEveryAlertHasAPageAndTwoScenarios(t *testing.T) {
	type scenario struct {
		AlertRuleTest []struct {
			Alertname string
			ExpAlerts []any `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, s := range parsed[struct{ Tests []scenario }](t, "deploy/prometheus/tests.yml").Tests {
		for _, a := range s.AlertRuleTest {
			if len(a.ExpAlerts) > 0 {
				fires[a.Alertname] = true
			} else {
				silent[a.Alertname] = true
			}
		}
	}
	pages := []string{"docs/runbooks/README.md"}
	for _, group := range parsed[rules](t, "deploy/prometheus/alerts.yml").Groups {
		for _, r := range group.Rules {
			assert.True(t, fires[r.Alert] && silent[r.Alert], "%s needs a scenario that fires and one that does not", r.Alert)
			assert.Contains(t, []string{"page", "ticket"}, r.Labels["severity"])
			assert.NotEmpty(t, r.Annotations["summary"])
			page := "docs/runbooks/" + r.Alert + ".md"
			assert.Equal(t, page, r.Annotations["runbook"])
			for _, part := range []string{"# " + r.Alert + "\n", "**Look.**", "**Do.**"} {
				assert.Contains(t, read(t, page), part)
			}
			pages = append(pages, page)
		}
	}
	found, err := filepath.Glob(root + "/docs/runbooks/*.md")
	require.NoError(t, err)
	assert.Len(t, found, len(pages), "a page without its alert")
}

func TestDashboardsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	all := dashboards(t)
	require.Len(t, all, 3)
	for path, d := range all {
		assert.NotEmpty(t, d.UID)
		assert.False(t, seen[d.UID], "%s: uid %s twice", path, d.UID)
		seen[d.UID] = true
		assert.NotRegexp(t, `https?://`, read(t, "deploy/"+path), "%s names a host", path)
		for _, p := range d.Panels {
			assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
			if p.Type == "row" {
				continue
			}
			assert.Contains(t, []string{"${datasource}", "${logs}"}, p.Datasource.UID, p.Title)
			assert.NotEmpty(t, p.Targets, p.Title)
			for _, target := range p.Targets {
				assert.Equal(t, p.Datasource.UID, target.Datasource.UID, p.Title)
			}
		}
	}
}

// TestPrometheusReachesWhatItScrapes: every target is a service on a network that Prometheus shares, at the port on which
// it serves figures; and the pages still share none with the engine.
func TestPrometheusReachesWhatItScrapes(t *testing.T) {
	type jobs struct {
		ScrapeConfigs []struct {
			JobName       string                       `yaml:"job_name"`
			StaticConfigs []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	s := load(t, map[string]string{"VLLM_PORT": "8123"}, combinations["gpu, watched"]...)
	watcher := s.Services["prometheus"]
	require.NotEmpty(t, watcher.Command)
	assert.Contains(t, watcher.Command[0], "sed s/ENGINE_PORT/8123/")
	scraped := map[string]string{}
	for _, job := range parsed[jobs](t, "deploy/prometheus/prometheus.yml").ScrapeConfigs {
		for _, config := range job.StaticConfigs {
			for _, target := range config.Targets {
				host, port, err := net.SplitHostPort(target)
				require.NoError(t, err)
				scraped[host] = port
			}
		}
	}
	ports := map[string]string{"backend": s.Services["backend"].Environment["METRICS_ADDR"],
		"frontend": s.Services["frontend"].Environment["FRONTEND_METRICS_ADDR"], "vllm_app": ":ENGINE_PORT", "loki": ":3100", "localhost": ":9090"}
	for host, port := range scraped {
		assert.Equal(t, ports[host], ":"+port, host)
		if host == "localhost" {
			continue
		}
		shared := slices.ContainsFunc(s.Services[host].Networks, func(n string) bool { return slices.Contains(watcher.Networks, n) })
		assert.True(t, shared, "prometheus shares no network with %s", host)
	}
	assert.Len(t, scraped, len(ports))
	for _, network := range s.Services["frontend"].Networks {
		assert.NotContains(t, s.Services["vllm_app"].Networks, network)
	}
	assert.Equal(t, "com.docker.compose.service", s.Services["backend"].Logging.Options["labels"], "Alloy reads the service's name there")
}
