package sat

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestEditionTellsVersionsApart(t *testing.T) {
	digest := "ab12cd34" + strings.Repeat("0", 56)
	assert.Equal(t, "sat-lora@ab12cd34", Model{Base: "b", Revision: "r", Adapter: "sat-lora@ab12cd34", AdapterSHA256: digest}.Edition())
	assert.Equal(t, "tutor/lora@ab12cd34", Model{Adapter: "tutor/lora", AdapterSHA256: digest}.Edition())
	assert.Equal(t, "tutor/lora", Model{Adapter: "tutor/lora"}.Edition(), "what an engine does not tell is not invented")
	assert.Equal(t, "SmolLM2@ab12cd34", Model{Base: "SmolLM2", Revision: digest}.Edition())
	assert.Equal(t, "tutor/lora@ab12cd34", Answer{Adapter: "tutor/lora", AdapterSHA256: digest}.AdapterEdition())
	assert.Empty(t, Answer{Base: "SmolLM2"}.AdapterEdition())
}
