package segment

import "time"

// Identity says how a person can be addressed. Empty fields are unknown; ids are
// byte-exact and were checked with [UsablePersonID].
type Identity struct {
	UserID      string
	AnonymousID string
	EmailSHA1   string // 40 lower-case hex digits, see [HashEmail]
}

// IsZero reports whether the identity names nobody.
func (i Identity) IsZero() bool { return i == Identity{} }

// Class says from which kind of computation a trait change came.
type Class int

// The classes of Segment's context.personas.computation_class. "trait",
// "computed_trait" and "traits" are one class.
const (
	ClassAudience Class = iota + 1
	ClassComputed
	ClassJourneyStep
)

// ValueState says whether a trait change carries something to send.
type ValueState int

// A trait change sets a value, clears it (null or absent) or carries nothing usable
// (a journey step without a boolean).
const (
	ValueSet ValueState = iota + 1
	ValueCleared
	ValueUnusable
)

// TraitChange says that a person's value of one trait changed. It comes from an
// Engage message or from a row of a changes file.
type TraitChange struct {
	Identity
	Key           string // the real key, never one made from a name
	Name          string // a label, if the input has one
	Class         Class
	ComputationID string
	SpaceID       string
	State         ValueState
	Value         string    // the text that is sent; "true" or "false" for an audience
	At            time.Time // see [Message.EffectiveTime]; zero if there is none
	Timing        Timing    // how At was found
	ReceivedAt    time.Time // zero if absent or impossible
	MessageID     string
}
