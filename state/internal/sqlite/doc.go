// Package sqlite keeps one SQLite file open: a connection that writes and some
// that read, its transactions, backups, and the lock beside it. It knows no
// table.
package sqlite
