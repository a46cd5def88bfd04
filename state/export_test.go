package state

import "io/fs"

// SetFileSystem makes every folder look as if it were on the file system with
// this number, until the function it gives is called.
func SetFileSystem(number uint32) (restore func()) {
	old := statfs
	statfs = func(string) (uint32, error) { return number, nil }
	return func() { statfs = old }
}

// SetSchemas puts other migrations in place of the program's, until the
// function it gives is called.
func SetSchemas(all fs.FS) (restore func()) {
	old := schemas
	schemas = all
	return func() { schemas = old }
}

// Schemas are the program's migrations.
func Schemas() fs.FS { return migrations }

// SetMostRecentKeys puts another limit in place of the program's, until the
// returned function is called.
func SetMostRecentKeys(n int) (restore func()) {
	before := mostRecentKeys
	mostRecentKeys = n
	return func() { mostRecentKeys = before }
}

// Classify is what every error of SQLite goes through.
var Classify = classify
