package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set by the linker (-X main.version=...); otherwise the build's own are used.
var version, revision string

// build returns the program's version and the revision that it was built from.
func build() (name, rev string) {
	name, rev = version, revision
	if info, ok := debug.ReadBuildInfo(); ok {
		name = cmp.Or(name, info.Main.Version)
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				rev = cmp.Or(rev, s.Value)
			}
		}
	}
	return cmp.Or(name, "dev"), rev
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, revision and Go version",
		Long:  "Print the version, the revision and the Go version that built this program." + exits("printed", exitUsageLine),
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			name, rev := build()
			v := map[string]string{"version": name, "revision": rev, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			return a.result(v, nil, func(w io.Writer) {
				fmt.Fprintf(w, "impactsync %s\nrevision %s\n%s %s\n", name, rev, v["go"], v["platform"])
			})
		},
	}
}
