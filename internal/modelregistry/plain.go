package modelregistry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// plain are the members of peft's configuration that make an adapter more than a LoRA, with the values that keep it
// one. Engines load such adapters without the difference, or not at all.
var plain = []struct {
	member string
	value  any
	remedy string
}{
	{"peft_type", "LORA", "train a LoRA"},
	{"use_dora", false, "train it without DoRA"},
	{"use_rslora", false, "train it with the scale alpha/r"},
	{"modules_to_save", nil, "train it without whole modules, such as the embeddings"},
	{"bias", "none", "train it with bias: none"},
	{"rank_pattern", nil, "train it with one rank for all modules"},
	{"alpha_pattern", nil, "train it with one alpha for all modules"},
}

// checkPlain refuses what no engine serves as it was trained. An adapter for llama.cpp alone may come without peft's
// configuration.
func (a Adapter) checkPlain(folder fs.FS) error {
	raw, err := fs.ReadFile(folder, adapterConfig)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := fs.Stat(folder, adapterWeights); err != nil {
			return nil
		}
		return wrong(adapterConfig, "is absent; peft writes it beside the weights, and vLLM reads it")
	}
	if err != nil {
		return err
	}
	var config map[string]any
	if json.Unmarshal(raw, &config) != nil {
		return wrong(adapterConfig, "is no JSON object")
	}
	for _, p := range plain {
		if have, given := config[p.member]; given && !empty(have) && have != p.value {
			return wrong(p.member, fmt.Sprintf("is %v in %s, which no engine here serves; %s", have, adapterConfig, p.remedy))
		}
	}
	if r, ok := config["r"].(float64); ok && int(r) != a.Adapter.R {
		return wrong("adapter.r", fmt.Sprintf("is %d, and r in %s is %v", a.Adapter.R, adapterConfig, r))
	}
	return nil
}

// empty tells the values that say no more than an absent member.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
