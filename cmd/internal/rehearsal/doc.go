// Package rehearsal sells the orders of two months to the sandbox through the program,
// with kills and lost answers throughout, and compares what the program finds out about
// each order with what the scenario knows.
//
//	go test ./cmd/internal/rehearsal                                  some hundred orders
//	go test ./cmd/internal/rehearsal -timeout 2h -v -rehearsal.orders 100000
package rehearsal
