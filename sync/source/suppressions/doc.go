// Package suppressions reads the ids of people whose data must not be used any more:
// those that Segment suppresses, from files in a bucket or from Segment's Public API.
//
// A list that can be read only in part is an error and suppresses nobody.
package suppressions
