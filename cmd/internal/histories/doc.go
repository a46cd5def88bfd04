// Package histories plays random histories of a shop against the program and a
// simulated impact.com: lists, streams of changes, visitors who become users,
// orders, kills, resync, restore, and each kind of answer. It compares what
// impact.com was sent with a model. It uses only the program's command line, and
// imports none of its packages.
//
//	go test ./cmd/internal/histories                             the usual seeds
//	go test ./cmd/internal/histories -histories.first 812 -histories.seeds 1 -v
//	go test ./cmd/internal/histories -timeout 0 -histories.for 3h
package histories
