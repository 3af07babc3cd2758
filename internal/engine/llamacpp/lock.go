package llamacpp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// errHeld says that another process holds a lock.
var errHeld = errors.New("held by another process")

// lock takes the file at path for this process, and calls waiting once where another one holds it. The system frees
// it when the process ends, however it ends.
func lock(ctx context.Context, path string, waiting func()) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for first := true; ; first = false {
		err := tryLock(f)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, errHeld) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if first {
			waiting()
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// needSpace is a *Problem where the disk of dir has fewer than want bytes left.
func needSpace(dir string, want int64) error {
	free, err := freeSpace(dir)
	if err != nil || free >= want {
		return nil // where the system does not say, writing will
	}
	return &Problem{What: fmt.Sprintf("%s has %d MB free, and %d MB are needed", dir, free>>20, want>>20+1),
		Next: "Free some space, or choose another folder with SAT_HOME"}
}
