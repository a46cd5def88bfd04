package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// unmapStart takes the program's own pages out of its memory. Its start touches nearly
// all of them, since every package has something to initialize, and few are needed
// again: those come back from the page cache. A part of the program with pages that
// differ from the file, as the linker or a debugger makes them, stays, even if these
// pages are swapped out by now.
func unmapStart() {
	program, err := os.Readlink("/proc/self/exe")
	maps, mapsErr := os.ReadFile("/proc/self/smaps")
	if err != nil || mapsErr != nil {
		return
	}
	var from, to uintptr // of the part of the program that the lines are about; none: 0
	for line := range strings.Lines(string(maps)) {
		line = strings.TrimSpace(line)
		var start, end uintptr
		var mode string
		switch n, _ := fmt.Sscanf(line, "%x-%x %s", &start, &end, &mode); {
		case n == 3 && strings.HasSuffix(line, " "+program) && !strings.Contains(mode, "w"):
			from, to = start, end
		case n == 3:
			from, to = 0, 0
		}
		switch name, amount, _ := strings.Cut(line, ":"); {
		case from == 0:
		case (name == "Anonymous" || name == "Swap") && strings.TrimSpace(amount) != "0 kB":
			from, to = 0, 0
		case name == "Swap": // comes after Anonymous
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
		}
	}
}
