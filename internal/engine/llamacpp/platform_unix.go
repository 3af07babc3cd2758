//go:build unix

package llamacpp

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func tryLock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errHeld
	}
	return err
}

func freeSpace(dir string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil
}

// terminate asks a process to end.
func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// killGroup ends a process and those that it started.
func killGroup(p *os.Process) error { return unix.Kill(-p.Pid, unix.SIGKILL) }

// watchdog is a shell script that becomes the command in its arguments. A helper in the background ends it when the
// script's standard input closes, as it does when the parent dies.
const watchdog = `exec 3<&0
(cat <&3; kill -9 $$) >/dev/null 2>&1 &
exec 3<&- </dev/null "$@"`

func underWatchdog(path string, args []string) (string, []string) {
	return "/bin/sh", append([]string{"-c", watchdog, "llama-server", path}, args...)
}
