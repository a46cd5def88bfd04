// Package browser tests the page of impactsync report and ui in a real Chromium, as
// people use it. It is a module of its own, so that the browser's libraries stay out
// of the program's. Its tests run bin/impactsync: make build comes first.
package browser
