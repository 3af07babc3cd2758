// Package testneeds finds what some tests need beyond Go, and skips or fails when it is absent.
//
// A test asks for its group. Where the group is there, the test runs. Where it is absent, the test is skipped and the
// group's name is left for the last lines of `make test`, unless SAT_TEST_REQUIRE names the group (as the gate does
// after installing everything): then the test fails.
package testneeds

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The groups that SAT_TEST_REQUIRE may name, separated by commas.
const (
	GroupChromium = "chromium" // a Chromium binary on PATH, or in CHROME_PATH
	GroupPostgres = "postgres" // PostgreSQL's server programs
	GroupEngine   = "engine"   // Python with pip, to fetch the embedded engine
	GroupLMEval   = "lm-eval"  // lm-eval's program on PATH, or in LM_EVAL: make lm-eval installs it
	GroupDocker   = "docker"   // docker-compose and a running engine

	GroupOpenAI     = "openai-client" // OpenAI's Python client, which `make gateway-client` installs
	GroupOpenWebUI  = "open-webui"    // Open WebUI from PyPI, which `make e2e-openwebui` installs
	GroupPrometheus = "prometheus"    // promtool, of Debian's package prometheus
	GroupVLLM       = "vllm"          // a running vLLM server
	GroupQTISchema  = "qti-schema"    // xmllint, and 1EdTech's schemas of QTI 3.0 in the folder SAT_TEST_QTI_XSD
	GroupPages      = "pages"         // the pages of a running tutor, which make train-smoke starts
)

// Chromium gives the path of a Chromium or Chrome binary.
func Chromium(t testing.TB) string {
	t.Helper()
	if p := os.Getenv("CHROME_PATH"); p != "" {
		return p
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	Missing(t, GroupChromium, "no chromium on PATH and CHROME_PATH is not set")
	return ""
}

// VLLM gives address and key of a running vLLM server, which make vllm-contract starts.
func VLLM(t testing.TB) (address, key string) {
	t.Helper()
	address = os.Getenv("SAT_TEST_VLLM_URL")
	if address == "" {
		Missing(t, GroupVLLM, "no vLLM server is named in SAT_TEST_VLLM_URL (make vllm-contract starts one)")
	}
	return address, os.Getenv("SAT_TEST_VLLM_KEY")
}

// Pages gives the address of a running tutor's pages.
func Pages(t testing.TB) string {
	t.Helper()
	address := os.Getenv("SAT_TEST_PAGES")
	if address == "" {
		Missing(t, GroupPages, "no running tutor is named in SAT_TEST_PAGES (make train-smoke starts one)")
	}
	return address
}

// LMEval gives the path of lm-eval's program.
func LMEval(t testing.TB) string {
	t.Helper()
	if p := os.Getenv("LM_EVAL"); p != "" {
		return p
	}
	if p, err := exec.LookPath("lm_eval"); err == nil {
		return p
	}
	Missing(t, GroupLMEval, "there is no lm_eval on PATH and LM_EVAL is not set")
	return ""
}

// QTISchemas gives the folder of 1EdTech's schemas of QTI 3.0, where there is also a program to use them.
func QTISchemas(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("SAT_TEST_QTI_XSD")
	if folder == "" {
		Missing(t, GroupQTISchema, "no folder of QTI 3.0 schemas is named in SAT_TEST_QTI_XSD")
	}
	if _, err := exec.LookPath("xmllint"); err != nil {
		Missing(t, GroupQTISchema, "there is no xmllint on PATH (Debian's libxml2-utils)")
	}
	return folder
}

// Missing says that what a group needs is absent: it fails the test where the group is required, else skips it and
// notes the group for the last lines of the run.
func Missing(t testing.TB, group, why string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("SAT_TEST_REQUIRE"), ","), group) {
		t.Fatalf("test group %q is required by SAT_TEST_REQUIRE, but %s", group, why)
	}
	if path := os.Getenv("SAT_TEST_LEFT_OUT"); path != "" {
		if f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
			_, _ = f.WriteString(group + ": " + why + "\n")
			_ = f.Close()
		}
	}
	t.Skipf("group %s left out: %s", group, why)
}
