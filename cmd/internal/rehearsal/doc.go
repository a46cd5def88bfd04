// Package rehearsal sells the orders of two months to the sandbox through the program,
// with kills and lost answers throughout, and compares what the program finds out about
// each order with what the scenario knows. The orders are in euros, yen and dinars, and
// go by the API, in files to a folder, and in files to an SFTP server.
//
//	go test ./cmd/internal/rehearsal                                  some hundred orders
//	go test ./cmd/internal/rehearsal -timeout 2h -v -rehearsal.orders 100000 -rehearsal.roads sftp
//
// TestOneFile, TestManyActions and TestManyMembers are of one large file, many actions, and
// a list of many people in a database.
package rehearsal
