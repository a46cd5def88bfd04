package main

import "golang.org/x/sys/unix"

// noCoreDump keeps the token and people's data out of core files, and other
// processes of the same user out of the memory, so far as the system allows.
func noCoreDump() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
