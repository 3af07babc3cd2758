package frontend

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/api"
)

// TestAStudentChoosesAmongModels: where several models answer, the form says which there are and what each is worth, and
// the question goes to the chosen one, as does the command to repeat it.
func TestAStudentChoosesAmongModels(t *testing.T) {
	s := newSite(t)
	assert.NotContains(t, s.get(t, "/ask").body, `id="model"`, "one model is no choice")

	other := measuredModel
	other.Default = false
	s = newSite(t)
	s.backend.setModels(other, demoModel)
	page := s.get(t, "/ask")
	assert.Contains(t, page.body, `<option value="">SmolLM2-135M-Instruct</option><option value="sat-lora">Llama-3.2-3B-Instruct with sat-lora · right on 41 of 60</option>`)

	form := question("ask")
	form.Set("model", "sat-lora")
	page = s.post(t, "/ask", form)
	asked := s.backend.questions()
	require.Len(t, asked, 1)
	assert.Equal(t, "sat-lora", asked[0].Model)
	assert.Contains(t, page.body, `<option value="sat-lora" selected>`, "the choice stays for the next question")
	assert.Contains(t, page.body, `&#34;model&#34;:&#34;sat-lora&#34;`, "the command asks the same model")
	assert.Contains(t, page.body, `href="/ask?sample=none&amp;model=sat-lora"`)

	assert.Contains(t, s.get(t, "/ask?model=sat-lora").body, `<option value="sat-lora" selected>`)
	assert.Contains(t, s.get(t, "/ask?model=sat-gone").body, `<option value="sat-gone" selected>sat-gone · not served now</option>`,
		"nobody is moved to another model unawares")
	assert.Contains(t, s.post(t, "/ask", url.Values{"do": {"add"}, "model": {"sat-lora"}}).body, `<option value="sat-lora" selected>`)
}

// TestAboutSaysOfEachModelWhatWasMeasured, with the comparison in the words of its record.
func TestAboutSaysOfEachModelWhatWasMeasured(t *testing.T) {
	other := measuredModel
	other.Default = false
	other.Evaluations = []api.Evaluation{{Pool: "dev", Correct: 67, N: 133, Verdict: "Better than sat-base by 24.8 points (exact p < 0.0001)."}}
	s := newSite(t)
	s.backend.setModels(demoModel, other)
	body := s.get(t, "/about").body
	assert.Contains(t, body, "<h3>Llama-3.2-3B-Instruct with sat-lora</h3>")
	assert.Contains(t, body, "Better than sat-base by 24.8 points (exact p &lt; 0.0001).")
	assert.Contains(t, body, `<a href="/ask?model=sat-lora">Ask this model</a>`)
	assert.Contains(t, body, "No measurement of this model is stored here")
}
