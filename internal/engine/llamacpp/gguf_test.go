//go:build unix

package llamacpp_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// adapter writes a LoRA of rank 4 with arbitrary numbers for one matrix of SmolLM2-135M (1536 to 576, in the last of
// its 30 layers), in GGUF version 3 as llama.cpp reads it.
func adapter(t *testing.T) string {
	t.Helper()
	const in, rank, out = 1536, 4, 576
	var file bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			if text, ok := v.(string); ok {
				require.NoError(t, binary.Write(&file, binary.LittleEndian, uint64(len(text))))
				file.WriteString(text)
				continue
			}
			require.NoError(t, binary.Write(&file, binary.LittleEndian, v))
		}
	}
	const typeF32, typeString = uint32(6), uint32(8)
	file.WriteString("GGUF")
	put(uint32(3), uint64(2), uint64(4)) // version, tensors, members
	put("general.architecture", typeString, "llama")
	put("general.type", typeString, "adapter")
	put("adapter.type", typeString, "lora")
	put("adapter.lora.alpha", typeF32, float32(rank))
	const tensorF32 = uint32(0)
	put("blk.29.ffn_down.weight.lora_a", uint32(2), uint64(in), uint64(rank), tensorF32, uint64(0))
	put("blk.29.ffn_down.weight.lora_b", uint32(2), uint64(rank), uint64(out), tensorF32, uint64(4*in*rank))
	file.Write(make([]byte, -file.Len()&31)) // the data is aligned to 32 bytes
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 0, 4*rank*(in+out))
	for range rank * (in + out) {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(random.NormFloat64()*0.2)))
	}
	file.Write(data)
	path := filepath.Join(t.TempDir(), "adapter.gguf")
	require.NoError(t, os.WriteFile(path, file.Bytes(), 0o644))
	return path
}
