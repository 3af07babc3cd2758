package setup

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"sattutor/internal/arena"
	"sattutor/internal/config"
	"sattutor/internal/prompt"
	"sattutor/internal/questionbank/shipped"
	"sattutor/internal/sat"
	"sattutor/internal/store"
	"sattutor/internal/tutor"
)

// hmacKey is the name of the file in SAT_HOME that holds the key of pseudonyms where none is set.
const hmacKey = "hmac_key"

// HMACKey gives the key of pseudonyms: the one that is set, or one that is made at the first need and kept in SAT_HOME,
// so that a person has one pseudonym in all exports of one installation.
func HMACKey(cfg config.Config) ([]byte, error) {
	if cfg.HMACKey != "" {
		return []byte(cfg.HMACKey.Reveal()), nil
	}
	if _, err := InitSecrets(cfg.Home, []string{hmacKey}); err != nil {
		return nil, err
	}
	key, err := os.ReadFile(filepath.Join(cfg.Home, hmacKey))
	if err != nil {
		return nil, fmt.Errorf("the key of pseudonyms cannot be read: %w", err)
	}
	return []byte(strings.TrimSpace(string(key))), nil
}

// maxItem bounds one line of a bank, in bytes.
const maxItem = 1 << 20

// Bank reads the items of a JSONL v1 file, of the shipped bank where no path is given.
func Bank(path string) ([]sat.Item, error) {
	name, in := shipped.Name, shipped.Open()
	if path != "" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("the bank cannot be read: %w", err)
		}
		defer func() { _ = f.Close() }()
		name, in = filepath.Base(path), f
	}
	return readBank(name, in)
}

func readBank(name string, in io.Reader) ([]sat.Item, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxItem)
	var items []sat.Item
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var it sat.Item
		if err := json.Unmarshal(lines.Bytes(), &it); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, n, err)
		}
		items = append(items, it)
	}
	return items, lines.Err()
}

// ParseQuestion reads a question out of a message and gives it in canonical form.
func ParseQuestion(text string) (sat.Question, error) {
	q, err := prompt.ParseBlock(text)
	if err != nil {
		return sat.Question{}, err
	}
	return prompt.Canonical(q)
}

// openArena gives the desk of the blind comparison, over the question bank. Where the key of pseudonyms can neither be
// read nor kept, as in a container without it, one is made for this start.
func openArena(cfg config.Config, log *slog.Logger, s *store.Store, asking *tutor.Tutor, models arena.Models) *arena.Desk {
	key, err := HMACKey(cfg)
	if err != nil {
		log.Warn("evaluators have other pseudonyms after each start; set SAT_HMAC_KEY", "error", err.Error())
		key = []byte(rand.Text())
	}
	return arena.NewDesk(arena.DeskOptions{Pairs: s, Answers: asking, Models: models, Bank: s, Clean: prompt.Canonical,
		Key: key, NewID: func() string { return strings.ToLower(rand.Text()) }})
}
