//go:build !unix

package testneeds

import "syscall"

func unprivileged(string) (*syscall.SysProcAttr, error) { return nil, nil }
