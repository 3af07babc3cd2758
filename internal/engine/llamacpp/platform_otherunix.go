//go:build unix && !linux

package llamacpp

import (
	"os/exec"
	"syscall"
)

// ownGroup puts a command into its own process group, so that ctrl-c in a terminal reaches the parent alone.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
