// Impactsync tells impact.com what changed in Segment, and only that.
//
// One file per command; wiring.go builds the engine from the configuration,
// and exit.go gives errors their exit codes and hints.
package main

import "os"

func main() {
	noCoreDump()
	os.Exit(run(os.Args[1:]))
}
