// Package mapping makes impact.com requests of Segment messages and of trait
// changes: page loads and conversions. It is pure: no clock, no network, no
// state.
//
// The life of an event: when it is read, [Mapper.Prepare] says in one pass what
// it becomes, what is kept of it, and whether our own rules would refuse it;
// when it is sent, [Mapper.Event] makes the request from what was kept. A trait
// change takes no part in this: [Mapper.Trait] makes its request from the wanted
// values.
//
// Which Segment path feeds which parameter stands in one table (table.go),
// from which docs/mapping.md is made.
package mapping
