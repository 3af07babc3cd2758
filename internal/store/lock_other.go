//go:build !unix

package store

import (
	"context"
	"os"
)

// lockFile does nothing where there is no advisory lock of files: there, one process at a time must migrate.
func lockFile(context.Context, *os.File) error { return nil }
