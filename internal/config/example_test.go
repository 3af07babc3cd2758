package config

import (
	"os"
	"strings"
	"testing"

	"github.com/joho/godotenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The example file is part of the documentation: it must name every setting with the sentence that the code gives
// it, nothing that nobody reads, and values that load.
func TestEnvExampleIsTheSettings(t *testing.T) {
	const path = "../../.env.example"
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	values, err := godotenv.Read(path)
	require.NoError(t, err)
	for _, name := range Names() {
		assert.Contains(t, values, name, ".env.example lacks %s", name)
		assert.Contains(t, string(text), "# "+Doc(name)+"\n"+name+"=", ".env.example says something else of %s", name)
	}
	for name := range values {
		assert.True(t, contains(Names(), name) || contains(ComposeNames(), name), "%s is in .env.example and read by nobody", name)
	}
	c, err := parse(values, nil)
	require.NoError(t, err)
	defaults, err := parse(nil, nil)
	require.NoError(t, err)
	assert.Equal(t, defaults, c, "the example's values are the defaults")
	assert.NotContains(t, strings.ToLower(string(text)), "changeme")
}

func contains(list []string, name string) bool {
	for _, l := range list {
		if l == name {
			return true
		}
	}
	return false
}
