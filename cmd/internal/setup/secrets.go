package setup

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// StackSecrets names the keys that the container stack needs and nobody has to know: each is a file of random text
// below the folder of secrets, made by InitSecrets.
func StackSecrets() []string {
	return []string{"vllm_api_key", "gateway_key", "hmac_key", "open_webui_session_key", "open_webui_admin_password", "grafana_admin_password"}
}

// SharedSecrets names the keys that the backend shares with the pages, which must not see the others.
func SharedSecrets() []string { return []string{"frontend_key"} }

// secretMode lets the owner's group read: the GPU engine runs under another user of that group.
const secretMode = 0o440

// maxSecret is the longest secret that SetSecret takes, in bytes.
const maxSecret = 4 << 10

// InitSecrets makes a file of random text below dir for every name whose file is absent or blank, and tells which
// ones it made. What is there stays as it is, so that it may run at every start.
func InitSecrets(dir string, names []string) (made []string, err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("the folder of secrets cannot be made: %w", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return made, fmt.Errorf("the secret %s cannot be read: %w", name, err)
		}
		if strings.TrimSpace(string(text)) != "" {
			continue
		}
		if err := writeSecret(dir, name, rand.Text()); err != nil {
			return made, err
		}
		made = append(made, name)
	}
	return made, nil
}

// SetSecret keeps what from says, without the white space around it, as the secret of that name, and replaces an
// earlier one: for keys that only a person has, such as a token of the model hub.
func SetSecret(dir, name string, from io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(from, maxSecret+1))
	if err != nil {
		return fmt.Errorf("the secret %s cannot be read from standard input: %w", name, err)
	}
	secret := strings.TrimSpace(string(text))
	switch {
	case len(text) > maxSecret:
		return fmt.Errorf("the secret %s is longer than %d bytes", name, maxSecret)
	case secret == "" || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return fmt.Errorf("the secret %s must be one word, given on standard input", name)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("the folder of secrets cannot be made: %w", err)
	}
	return writeSecret(dir, name, secret)
}

// writeSecret puts the file into place whole: who reads it sees the old text or the new one.
func writeSecret(dir, name, text string) error {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return fmt.Errorf("%q is no name of a secret; give one such as hf_token", name)
	}
	f, err := os.CreateTemp(dir, "."+name+"-")
	if err != nil {
		return fmt.Errorf("the secret %s cannot be written: %w", name, err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(text + "\n")
	if err = errors.Join(err, f.Chmod(secretMode), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return fmt.Errorf("the secret %s cannot be written: %w", name, err)
	}
	return nil
}
