// Package setup turns a configuration into opened dependencies and ready servers, once for all commands. It is the only
// place that wires.
package setup

import (
	"runtime"
	"runtime/debug"
)

// version is set by the linker: make build takes it from git.
var version = "dev"

// Version names this build.
func Version() string { return version }

// Revision is the commit that this build was made from, "" where the build does not say.
func Revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}

// GoVersion is the toolchain of this build.
func GoVersion() string { return runtime.Version() }
