// Package state keeps what we know, what we sent and what we owe, in one
// SQLite file that people read with plain sqlite3.
//
// # The life of a trait value
//
// A trait value is what impact.com ought to know of one person (wanted) and what it
// last answered to with 2xx (delivered). Inputs only move wanted: [DB.Store] for
// messages, [List.Apply] for full lists. The value is due when the two differ, or when
// something was sent and no answer came (doubt). A row of trait_due then has all of it,
// with a status that says which kind of due it is, and the sum of the statuses is kept
// in the counters table by the same transaction. Once it is settled, it is a row of
// trait_values; the row that was there meanwhile does not count. So what a list changes
// is written beside what it leaves alone.
//
// [Sender.Turn] claims due rows (status in flight, doubt set, before the first
// byte leaves) and settles the outcomes of earlier claims, in one transaction.
// A process that dies between the two leaves the doubt behind, and [DB.BeginRun]
// turns such rows into unknown ones, which are due again.
//
// # The life of an event
//
// A page load or conversion enters the deliveries table together with its key
// in event_keys and the new position of the object it came from. Its payload is
// removed once it is delivered.
//
// # Append, then apply
//
// A commit of a log only appends: events, their keys, and sightings, which say what
// messages said of people. The index of events by person, and what sightings say, are
// applied many at a time and in the order of the tables (person_apply.go). A commit
// that changed a page for each of its people would cost more the more people there are.
// Whoever needs to know people as they are applies what waits first, and every
// transaction but those of logs begins with that. An event keeps the number of its own
// ids; that a visitor's events are a user's is looked up when they are claimed.
//
// # Rooms
//
// A file's name begins with its room. trait_values, trait_due, deliveries, profiles, newcomers
// and objects are each written in one file; others call functions named for what happens.
//
//	input_     messages, objects and rejected lines come in
//	list_      a full list is sorted, compared and applied
//	person_    profiles: resolving, merging, splitting them
//	trait_     trait keys, and wanted and delivered values
//	event_     events, their keys, orders and refusals
//	actions_   impact.com's actions, and what each order's verdict is by them
//	refund_    orders that were taken back: what impact.com is to know, and was told
//	guard_     which changes are held, and approved
//	send_      a turn: claiming, settling, rates, verdicts
//	file_      conversions that go in files
//	forget_    forgotten and suppressed people
//	report_    status, plan, explain
//	operator   what an operator asks for: adopt, resync, retry, drop
//
// Files without a room hold the whole: opening, migrating, transactions, runs.
//
// # Rules
//
// An exported method is one transaction, unless it says otherwise. A
// transaction has one time, fixed when it begins. One process writes at a time
// ([Lock]); [DB.Approve] and the readers need no lock.
package state
