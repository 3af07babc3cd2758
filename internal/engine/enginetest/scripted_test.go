package enginetest_test

import (
	"testing"

	"sattutor/internal/engine/enginetest"
	"sattutor/internal/engine/openaicompat"
)

func TestScriptedConforms(t *testing.T) {
	enginetest.Conformance(t, enginetest.Target{Engine: &enginetest.Scripted{}, Model: "sat-base", Adapter: "sat-lora",
		Schema: true, Overflow: true})
}

func TestClientOfTheFakeConforms(t *testing.T) {
	_, url := enginetest.Serve(t, enginetest.Options{Key: "secret"})
	client := openaicompat.New(openaicompat.Options{BaseURL: url, Key: "secret"})
	t.Cleanup(client.Close)
	enginetest.Conformance(t, enginetest.Target{Engine: client, Model: "sat-base", Adapter: "sat-lora",
		Schema: true, Overflow: true, Parallel: 64})
}
