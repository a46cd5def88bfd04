// Package histories plays random histories of a shop against the program and
// a simulated impact.com, and compares what impact.com was sent with a model
// that knows nothing of the program: lists, streams of changes, visitors who
// become users, orders, kills, resync, restore, and each kind of answer. It
// imports none of our packages: it knows only the program's command line.
//
//	go test ./cmd/internal/histories                             the usual seeds
//	go test ./cmd/internal/histories -histories.first 812 -histories.seeds 1 -v
//	go test ./cmd/internal/histories -timeout 0 -histories.for 3h
package histories
