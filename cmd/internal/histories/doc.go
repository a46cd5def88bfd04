// Package histories plays random histories of a shop against the program and
// an impact.com of its own, and compares what impact.com was told with a model
// that knows nothing of the program: lists, streams of changes, visitors who
// become users, orders, kills, resync, restore, and each kind of answer. It
// imports nothing of ours: all it knows of the program is its command line.
//
//	go test ./cmd/internal/histories                             the usual seeds
//	go test ./cmd/internal/histories -histories.first 812 -histories.seeds 1 -v
//	go test ./cmd/internal/histories -timeout 0 -histories.for 3h
package histories
