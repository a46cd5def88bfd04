// Package segment reads Segment's messages as they are in raw logs.
//
// The life of a message: [Decoder.Decode] turns a line of a log into a [Message]. The
// engine asks it whom it is about ([Message.Identity]), whether it may be used
// ([Message.Allowed], [Message.ConsentGiven]) and whether it is a trait change
// ([Message.Change]). The mapping reads the rest by [Path]. [Message.Release]
// returns its memory.
//
// The package is pure: no clock, no files, no network. Errors never hold any part of
// a line, because raw lines carry write keys and addresses.
//
// Segment's rules come from https://segment.com/docs/connections/spec/ and
// https://segment.com/docs/engage/using-engage-data/ unless said otherwise.
package segment
