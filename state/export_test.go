package state

// SetFileSystem makes every folder look as if it were on the file system with
// this number, until the function it gives is called.
func SetFileSystem(number uint32) (restore func()) {
	old := statfs
	statfs = func(string) (uint32, error) { return number, nil }
	return func() { statfs = old }
}
