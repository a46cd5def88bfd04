package segment

import (
	"strings"
	"time"
)

// Timing says how a message's time was found, as a word for the counters. It is empty
// if the message says it itself.
type Timing string

// Where the time of a message comes from if its sender's clock was wrong.
const (
	TimeCorrected  Timing = "time_corrected"   // receivedAt - (sentAt - originalTimestamp)
	TimeReceivedAt Timing = "time_received_at" // receivedAt: its other times are impossible
	TimeSentAt     Timing = "time_sent_at"     // sentAt: so is receivedAt
	TimeFile       Timing = "time_file"        // when its object was written, or else read: so is sentAt
)

// clockSlack is how far apart two clocks may be while both count as right.
const clockSlack = 5 * time.Minute

// earliest is before anything that Segment, founded in 2011, can report. Clocks
// without a battery start in 1970 or 2000.
var earliest = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)

// PossibleTime reports whether something that Segment reports may have happened at
// this time: not before 2010.
func PossibleTime(at time.Time) bool { return !at.Before(earliest) && !at.After(maxTime) }

// FoundIn sets when the message's object was written and when it is read. It has to be
// called before any time of the message is asked for. A zero time is unknown.
func (m *Message) FoundIn(written, now time.Time) {
	if !PossibleTime(written) || written.After(now) {
		written = now
	}
	m.written, m.now = written, now
}

// EffectiveTime returns when the event of the message happened, in UTC with all
// nanoseconds: the timestamp, or else originalTimestamp. In Engage messages
// originalTimestamp comes first, because their timestamp is cut to milliseconds.
//
// It is never later than receivedAt. If the sender's clock was ahead and nobody has
// corrected for that, or if the message's time is impossible, it is
// receivedAt - (sentAt - originalTimestamp), as in Segment's own formula
// (https://segment.com/docs/connections/spec/common/#timestamps). If that is
// impossible too, it is receivedAt, or else sentAt, or else the time from
// [Message.FoundIn], or else zero. [Message.Timing] says which.
func (m *Message) EffectiveTime() time.Time {
	m.readTime()
	return m.at
}

// Timing returns where the effective time comes from.
func (m *Message) Timing() Timing {
	m.readTime()
	return m.timing
}

// ReceivedAt returns when Segment received the message; zero if that is absent or
// impossible.
func (m *Message) ReceivedAt() time.Time {
	if at := m.time("receivedAt"); PossibleTime(at) {
		return at
	}
	return time.Time{}
}

// minuteReach is how far the sender's clock may be from Segment's for [Message.Minute].
const minuteReach = 40 * 24 * time.Hour

// Minute returns the minute of the sender's clock, in minutes since 1970: that of
// originalTimestamp, or else the first one of timestamp's UTC day, since Segment
// computes timestamp anew if a message is sent again. A message has the same minute
// however often it is sent. It is 0 if it is not known, impossible or more than 40 days
// from receivedAt.
func (m *Message) Minute() int64 {
	at, received := m.time("originalTimestamp"), m.ReceivedAt()
	if at.IsZero() {
		at = m.time("timestamp").Truncate(24 * time.Hour)
	}
	if !PossibleTime(at) || !received.IsZero() && received.Sub(at).Abs() > minuteReach {
		return 0
	}
	return at.Unix() / 60
}

// TimeText returns the effective time as a text: as it was sent if it is the
// timestamp, and empty if there is none.
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

// readTime finds the effective time when it is first asked for; not every message
// needs it.
func (m *Message) readTime() {
	if m.timed {
		return
	}
	m.timed = true
	stated, received, sent := m.stated(), m.ReceivedAt(), m.time("sentAt")
	late := maxTime // later times are impossible
	switch {
	case !received.IsZero():
		late = received.Add(clockSlack)
	case !m.now.IsZero():
		late = m.now.Add(clockSlack)
	}
	switch corrected := m.corrected(stated, received, sent, late); {
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

// stated returns the time that the message itself states; zero if it states none that
// is possible.
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

// corrected returns the time of Segment's formula if it is needed: if the stated time
// is impossible, or comes from a sender's clock that was ahead. It is zero if it is
// not needed or if the result is impossible.
func (m *Message) corrected(stated, received, sent, late time.Time) time.Time {
	usable := PossibleTime(stated) && !stated.After(late)
	if received.IsZero() || sent.IsZero() || usable && !sent.After(late) {
		return time.Time{}
	}
	original := m.time("originalTimestamp")
	if original.IsZero() || usable && stated.Sub(original).Abs() >= time.Second { // it is not from the sender's clock
		return time.Time{}
	}
	if at := received.Add(original.Sub(sent)); PossibleTime(at) && !at.After(late) {
		return at
	}
	return time.Time{}
}

// RowTime returns when the change of a row happened: what the row says or, if that is
// absent or impossible, when its file was written. now is when it is read.
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

// time returns a timestamp; zero if it is absent or unreadable.
func (m *Message) time(key string) time.Time {
	text, ok := m.Get(key).Text()
	if !ok {
		return time.Time{}
	}
	at, _ := ParseTime(text)
	return at
}
