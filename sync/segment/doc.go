// Package segment reads Segment's messages as raw logs hold them.
//
// The life of a message: a line of a log becomes a [Message] in
// [Decoder.Decode]; the engine asks it who it is about ([Message.Identity]),
// whether it may be used ([Message.Allowed], [Message.ConsentGiven]) and
// whether it is a trait change ([Message.Change]); the mapping reads the rest
// by [Path]; [Message.Release] returns its memory.
//
// The package is pure: no clock, no files, no network. Errors never hold any
// part of a line, because raw lines carry write keys and addresses.
//
// Rules of the outside come from https://segment.com/docs/connections/spec/
// and https://segment.com/docs/engage/using-engage-data/ unless said otherwise.
package segment
