//go:build !linux

package store

import "testing"

func smallDisk(t *testing.T, _ string) (unmount func()) {
	t.Helper()
	t.Skip("only Linux mounts a disk in memory")
	return nil
}
