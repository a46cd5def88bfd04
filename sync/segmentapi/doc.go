// Package segmentapi reads Segment's Public API (the catalogue of audiences and
// computed traits of a space, and the suppressed users) and its Profile API (what
// Segment says of one person).
//
// Calls that fail for the moment are repeated a few times, answers are bounded, and
// errors hold neither tokens nor ids of people.
package segmentapi
