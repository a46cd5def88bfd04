// Package suppressions reads whose data must not be used any more: the user ids
// that Segment suppresses, from files in a bucket or from Segment's Public API.
//
// Both fail as a whole: a list that can only be read in part says nothing.
package suppressions
