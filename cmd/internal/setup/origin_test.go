package setup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sattutor/internal/config"
	"sattutor/internal/eval"
	"sattutor/internal/modelregistry"
	"sattutor/internal/sat"
)

// TestWhatARunsAdapterLearntFrom: a run names its adapter by record or by the adapter's id, and the adapter lies on the
// shelf or comes with the program; of any other nothing is known.
func TestWhatARunsAdapterLearntFrom(t *testing.T) {
	cfg := config.Config{Home: t.TempDir()}
	shipped, err := modelregistry.ShippedAdapters()
	require.NoError(t, err)
	require.NotEmpty(t, shipped)
	id, digest := shipped[0].ID(), shipped[0].Adapter.Adapter.Files["adapter_model.safetensors"].SHA256
	own := shelved(t, cfg, "maker/Small", true)
	race := &eval.Learnt{Sources: []string{"race"}, Licence: "research-only"}
	for name, c := range map[string]struct {
		model  eval.ModelInfo
		record string
		learnt *eval.Learnt
	}{
		"by its record":              {eval.ModelInfo{Record: id}, id, race},
		"by the adapter's id":        {eval.ModelInfo{Name: "sat-lora", Adapter: id}, id, race},
		"with its digest":            {eval.ModelInfo{Name: "sat-lora", Adapter: id, AdapterSHA256: digest}, id, race},
		"another of that name":       {eval.ModelInfo{Adapter: id, AdapterSHA256: "beef"}, "", nil},
		"on the shelf, no source":    {eval.ModelInfo{Adapter: own}, own, &eval.Learnt{Licence: "permissive"}},
		"of the hub":                 {eval.ModelInfo{Adapter: "maker/lora"}, "", nil},
		"no path":                    {eval.ModelInfo{Adapter: "../adapters/" + own}, "", nil},
		"a base model":               {eval.ModelInfo{Name: "sat-base", Record: "smollm2-135m"}, "smollm2-135m", nil},
		"told by the header already": {eval.ModelInfo{Adapter: "x@1", Learnt: race}, "", race},
	} {
		record, learnt := Origin(cfg, c.model)
		assert.Equal(t, c.record, record, name)
		assert.Equal(t, c.learnt, learnt, name)
	}
}

// TestARunOfABackendNamesItsAdapter: the API gives id and digest, and fingerprints come from the shelf of this machine.
func TestARunOfABackendNamesItsAdapter(t *testing.T) {
	cfg := config.Config{Home: t.TempDir()}
	require.NoError(t, OpenShelf(cfg).AddShipped())
	served, err := OpenShelf(cfg).Served()
	require.NoError(t, err)
	e := served["sat-lora"]
	target := Target{shelf: OpenShelf(cfg)}
	m := sat.Model{Name: "sat-lora", Base: "SmolLM2-135M-Instruct", Adapter: e.ID(), AdapterSHA256: e.Model("", sat.Model{}).AdapterSHA256}
	info := target.Info(m)
	assert.Equal(t, e.ID(), info.Record)
	assert.Equal(t, []string{"race"}, info.Learnt.Sources)
	prints := target.Fingerprints(m)
	assert.Equal(t, filepath.Join(e.Dir, "fingerprints.bin"), prints)
	_, err = os.Stat(prints)
	require.NoError(t, err)
	assert.Empty(t, target.Fingerprints(sat.Model{Name: "sat-lora", Adapter: "maker/lora"}))
}
