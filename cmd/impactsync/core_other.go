//go:build unix && !linux

package main

import "golang.org/x/sys/unix"

// noCoreDump keeps the token and people's data out of core files.
func noCoreDump() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
