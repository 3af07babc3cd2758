package llamacpp

import (
	"os/exec"
	"syscall"
)

// ownGroup puts a command into its own process group, so that ctrl-c in a terminal reaches the parent alone, and has
// the kernel kill it with the parent. That signal comes when the starting thread ends: a caller whose command lives
// long starts it and waits for it on one locked thread.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
