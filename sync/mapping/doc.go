// Package mapping makes impact.com requests of Segment messages and of trait
// changes: page loads and conversions. It is pure: no clock, no network, no
// state.
//
// The life of an event: [Mapper.Route] says what it becomes;
// [Mapper.Reduce] keeps of it only what the mapping reads, with addresses
// hashed; later, when it is sent, [Mapper.Event] makes the request of what was
// kept. A trait change takes no part in this: [Mapper.Trait] makes its request
// of the wanted values.
//
// Which Segment path feeds which parameter stands in one table (table.go),
// from which docs/mapping.md is made.
package mapping
