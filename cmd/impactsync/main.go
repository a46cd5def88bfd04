// Impactsync tells impact.com what changed in Segment, and only that.
//
// Each command has a file. load.go opens the state, wiring.go builds the engine from
// the configuration, output.go prints results, and exit.go has the hints and the exit
// codes of errors.
package main

import "os"

func main() {
	unmapStart()
	noCoreDump()
	os.Exit(run(os.Args[1:]))
}
