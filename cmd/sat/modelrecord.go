package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sattutor/cmd/internal/setup"
	"sattutor/internal/config"
	"sattutor/internal/engine/llamacpp"
	"sattutor/internal/modelregistry"
)

// recordFile tells a record, a JSON file, from an adapter's folder.
func recordFile(path string) bool { return strings.EqualFold(filepath.Ext(path), ".json") }

// addRecord puts the record in a file beside the catalogue's.
func addRecord(cfg config.Config, out io.Writer, path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	m, err := setup.OpenRecords(cfg).Add(raw, modelregistry.Event{Time: time.Now().UTC()})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "The record of %s is kept. A model that an engine serves under this name is asked by it.\n", m.Name)
	return nil
}

// showRecord prints a record as its file has it; false where there is none of that name.
func showRecord(cfg config.Config, out io.Writer, name string) (bool, error) {
	m, err := setup.OpenRecords(cfg).Lookup(name)
	if err != nil {
		return false, nil
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return true, enc.Encode(m)
}

// verifyRecord checks the files that a record names, as far as they are on this machine.
func verifyRecord(cfg config.Config, out io.Writer, m modelregistry.Manifest) error {
	checked := 0
	for _, f := range setup.FilesOf(cfg, m) {
		sum, err := llamacpp.FileSHA256(f.Path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if sum != f.SHA256 {
			return fmt.Errorf("%s: %s has another SHA-256 than the record says; remove it and fetch it again", m.Name, f.Path)
		}
		checked++
	}
	if checked == 0 {
		fmt.Fprintf(out, "%s: the record keeps the rules; its file is not on this machine\n", m.Name)
		return nil
	}
	fmt.Fprintf(out, "%s: the record keeps the rules, and its file is what it says\n", m.Name)
	return nil
}
