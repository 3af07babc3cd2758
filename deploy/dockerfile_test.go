package deploy

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var dockerfiles = []string{"Dockerfile.backend", "Dockerfile.frontend", "deploy/llama/Dockerfile", "deploy/vllm/Dockerfile", "deploy/ci/Dockerfile"}

var argument = regexp.MustCompile(`(?m)^ARG ([A-Z]+_IMAGE)=(\S+)$`)

func TestDockerfilesAndComposeNameTheSameBaseImages(t *testing.T) {
	named := map[string]string{}
	for _, path := range dockerfiles {
		for _, found := range argument.FindAllStringSubmatch(read(t, path), -1) {
			if earlier, ok := named[found[1]]; ok {
				assert.Equal(t, earlier, found[2], path)
			}
			named[found[1]] = found[2]
		}
	}
	each(t, func(t *testing.T, s stack, name string, svc service) {
		for argument, value := range svc.Build.Args {
			assert.Equal(t, named[argument], value)
		}
	})
}

func TestDockerfilesBuildWithWhatEveryDockerHas(t *testing.T) {
	for _, path := range dockerfiles {
		text := read(t, path)
		assert.NotRegexp(t, `(?mi)^#\s*syntax=`, text, "%s: a syntax line pulls an image", path)
		assert.NotRegexp(t, `<<|--link|--network|(?m)^ADD `, text, path)
		assert.NotRegexp(t, `(?m)^(ENV|ARG) .*(KEY|TOKEN|PASSWORD)`, text, path)
	}
}

// A layer that differs from build to build cannot be checked by anybody else.
func TestGoBuildsAreStaticAndReproducible(t *testing.T) {
	for _, path := range dockerfiles {
		text := read(t, path)
		if !strings.Contains(text, "go build") {
			continue
		}
		for _, want := range []string{"CGO_ENABLED=0", "GOTOOLCHAIN=local", "-trimpath -buildvcs=false", `-ldflags "-s -w`} {
			assert.Contains(t, text, want, path)
		}
		stages := strings.Split(text, "\nFROM ")
		require.Len(t, stages, 3, "%s: a stage to build, a stage to run", path)
		assert.NotContains(t, stages[2], "GO_IMAGE")
	}
}
