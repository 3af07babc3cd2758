package arena

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// Draw decides by a keyed hash of a pair's id which two of the models it compares, and which of them stands first. Who
// has the key can check every draw afterwards; who has not cannot foresee one. Not ok with fewer than two models.
func Draw(key []byte, id string, models []string) (first, second string, ok bool) {
	models = slices.Compact(slices.Sorted(slices.Values(models)))
	if len(models) < 2 {
		return "", "", false
	}
	sum, err := hex.DecodeString(keyed(key, "pair", id))
	if err != nil {
		panic(err) // keyed gives hexadecimal digits
	}
	i := int(binary.BigEndian.Uint32(sum[:4]) % uint32(len(models)))
	j := int(binary.BigEndian.Uint32(sum[4:8]) % uint32(len(models)-1))
	if j >= i {
		j++
	}
	return models[i], models[j], true
}
