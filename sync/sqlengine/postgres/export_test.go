package postgres

// Address returns the address that is given to pgx.
func Address(dsn string) (string, error) {
	address, _, err := parse(dsn)
	return address, err
}
