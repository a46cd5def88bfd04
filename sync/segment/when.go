package segment

import (
	"strings"
	"time"
)

// Timing is the word for how a message's time was found, for the counters; it
// is empty where the message says it itself.
type Timing string

// Where the time of a message comes from that its sender's clock got wrong.
const (
	TimeCorrected  Timing = "time_corrected"   // receivedAt - (sentAt - originalTimestamp)
	TimeReceivedAt Timing = "time_received_at" // the message has no other that is possible
	TimeSentAt     Timing = "time_sent_at"     // nor a receivedAt
	TimeFile       Timing = "time_file"        // nor a sentAt: when its object was written, else read
)

// clockSlack is how far two clocks may be apart that both count as right.
const clockSlack = 5 * time.Minute

// earliest is a time before which nothing happened that Segment, which came in
// 2011, could tell of: clocks without a battery start in 1970 or 2000.
var earliest = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)

// PossibleTime reports whether something that Segment tells of may have
// happened then, as far as the time alone can say: not before 2010.
func PossibleTime(at time.Time) bool { return !at.Before(earliest) && !at.After(maxTime) }

// FoundIn says when the object was written that the message stands in, and when
// it is read. It has to come before any time of the message is asked for. The
// zero time is one that is not known.
func (m *Message) FoundIn(written, now time.Time) {
	if !PossibleTime(written) || written.After(now) {
		written = now
	}
	m.written, m.now = written, now
}

// EffectiveTime is when what the message tells happened: the timestamp, else
// originalTimestamp. Engage messages put originalTimestamp first, because
// their timestamp is cut to milliseconds. It is in UTC with all nanoseconds.
//
// It is never later than receivedAt. Where the sender's clock was ahead and
// nobody has corrected for it, or what the message says is impossible, it is
// receivedAt - (sentAt - originalTimestamp), as in Segment's own formula
// (https://segment.com/docs/connections/spec/common/#timestamps). Where that is
// impossible too: receivedAt, else sentAt, else what [Message.FoundIn] said,
// else zero. [Message.Timing] says which.
func (m *Message) EffectiveTime() time.Time {
	m.readTime()
	return m.at
}

// Timing says where the effective time comes from.
func (m *Message) Timing() Timing {
	m.readTime()
	return m.timing
}

// ReceivedAt is when Segment took the message; zero where that is absent or
// impossible.
func (m *Message) ReceivedAt() time.Time {
	if at := m.time("receivedAt"); PossibleTime(at) {
		return at
	}
	return time.Time{}
}

// TimeText is the effective time as a text: as it was sent, where it counts as
// it is, and empty where there is none.
func (m *Message) TimeText() string {
	switch at := m.EffectiveTime(); {
	case at.IsZero():
		return ""
	case at.Equal(m.time("timestamp")):
		text, _ := m.Get("timestamp").Text()
		return text
	default:
		return at.Format(time.RFC3339Nano)
	}
}

// readTime finds the effective time when it is first asked for: reading all
// times of each message costs more than anybody needs.
func (m *Message) readTime() {
	if m.timed {
		return
	}
	m.timed = true
	stated, received := m.stated(), m.ReceivedAt()
	late := maxTime // what is after this is impossible
	switch {
	case !received.IsZero():
		late = received.Add(clockSlack)
	case !m.now.IsZero():
		late = m.now.Add(clockSlack)
	}
	switch corrected, sent := m.corrected(stated, received, late), m.time("sentAt"); {
	case !corrected.IsZero():
		m.at, m.timing = corrected, TimeCorrected
	case PossibleTime(stated) && !stated.After(late):
		m.at = stated
	case !received.IsZero():
		m.at, m.timing = received, TimeReceivedAt
	case PossibleTime(sent) && !sent.After(late):
		m.at, m.timing = sent, TimeSentAt
	case !m.written.IsZero():
		m.at, m.timing = m.written, TimeFile
	}
	if !received.IsZero() && m.at.After(received) {
		m.at = received
	}
}

// stated is the time that the message itself says it is of; zero if there is
// none that is possible.
func (m *Message) stated() time.Time {
	first, second := "timestamp", "originalTimestamp"
	if m.IsEngage() {
		first, second = second, first
	}
	for _, key := range [...]string{first, second} {
		if at := m.time(key); PossibleTime(at) {
			return at
		}
	}
	return time.Time{}
}

// corrected is Segment's formula where it is needed: what is stated is
// impossible, or is what the sender's clock said while it was ahead. It is zero
// where it is not needed, or gives an impossible time.
func (m *Message) corrected(stated, received, late time.Time) time.Time {
	if received.IsZero() {
		return received
	}
	sent, usable := m.time("sentAt"), PossibleTime(stated) && !stated.After(late)
	if sent.IsZero() || usable && !sent.After(late) {
		return time.Time{}
	}
	original := m.time("originalTimestamp")
	if original.IsZero() || usable && stated.Sub(original).Abs() >= time.Second { // not the sender's clock any more
		return time.Time{}
	}
	if at := received.Add(original.Sub(sent)); PossibleTime(at) && !at.After(late) {
		return at
	}
	return time.Time{}
}

// RowTime is when a row happened that stands in a file written then and read
// now: what the row says, or, where that is absent or impossible, when the file
// was written.
func RowTime(text string, written, now time.Time) (time.Time, Timing) {
	at, ok := ParseTime(text)
	switch {
	case ok && PossibleTime(at) && !at.After(now.Add(clockSlack)):
		return at, ""
	case !PossibleTime(written) || written.After(now):
		written = now
	}
	if strings.TrimSpace(text) == "" {
		return written, ""
	}
	return written, TimeFile
}

// time reads a timestamp: zero where absent or unreadable.
func (m *Message) time(key string) time.Time {
	text, ok := m.Get(key).Text()
	if !ok {
		return time.Time{}
	}
	at, _ := ParseTime(text)
	return at
}
