package store

import (
	"syscall"
	"testing"
)

// smallDisk puts a disk of 3 MiB in a folder, where the tests may do that, and gives what takes it away.
func smallDisk(t *testing.T, dir string) (unmount func()) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m,mode=700"); err != nil {
		t.Skipf("no disk can be mounted here: %v", err)
	}
	return func() { _ = syscall.Unmount(dir, 0) }
}
