// Package mapping turns Segment messages and trait changes into impact.com
// requests: page loads and conversions. It is pure: no clock, no network, no
// state.
//
// The life of an event: when it is read, [Mapper.Prepare] decides in one pass what
// it becomes, what is kept of it, and whether our own rules would refuse it;
// when it is sent, [Mapper.Event] makes the request from what was kept. For a trait
// change, [Mapper.Trait] makes the request from the wanted values.
//
// One table (table.go) says which Segment path feeds which parameter;
// docs/mapping.md is generated from it.
package mapping
