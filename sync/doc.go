// Package sync is the engine: one pass reads every source, moves what is
// wanted, and sends impact.com what changed. Importers call it impactsync.
//
// # A pass
//
// [Engine.Run] is the story, one phase after the other:
//
//	discover  list what the sources hold; stop before any change if two inputs claim one trait
//	read      events, then changes, then full lists; each batch and its position in one transaction
//	deliver   claim, send, settle, until nothing is due that can go now; conversions also in files
//	look up   what became of conversions, and, if it is due, impact.com's actions
//	refund    reverse or reduce the actions of orders that were taken back
//	report    count, and choose the exit code
//
// Data moves in one order: source -> segment -> mapping -> state -> segment ->
// mapping -> impactapi. Nothing is sent before everything is read, because a
// conversion is attributed by the page loads before it, and because the newest
// value of a trait must win.
//
// Workers send; one goroutine, the caller's, is the only one that writes the
// state while they do.
package sync
