package setup

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Hardware names the machine for the header of a measurement: system, cores and, where the system tells it, processor.
func Hardware() string {
	s := fmt.Sprintf("%s/%s, %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return s
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, model, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return s + ", " + strings.TrimSpace(model)
		}
	}
	return s
}
