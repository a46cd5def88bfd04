package sandbox

import (
	"net"
	"net/http"
	"time"
)

// Fault is what goes wrong with one request. The zero value is nothing.
type Fault struct {
	Delay time.Duration // added to Config.Latency
	Drop  Drop

	// Status, when set, is answered with Header and Body instead of the usual
	// answer. The request is not taken, unless Taken says so.
	Status int
	Header http.Header
	Body   string
	Taken  bool
}

// Drop says when a connection is dropped.
type Drop uint8

// The moments at which a connection is dropped.
const (
	DropNever  Drop = iota // not at all
	DropBefore             // before the request is taken; not logged
	DropAfter              // after it is taken and logged with status 0
)

// fault asks the hook, then the rates.
func (s *Sandbox) fault(c *exchange) Fault {
	if s.config.Fault != nil {
		if f := s.config.Fault(c.r, c.form); f.Status != 0 || f.Drop != DropNever || f.Delay != 0 {
			return f
		}
	}
	switch {
	case s.chance(c.number, 1) < s.config.ResetBefore:
		return Fault{Drop: DropBefore}
	case s.chance(c.number, 2) < s.config.ErrorRate:
		return Fault{Status: http.StatusServiceUnavailable, Body: `{"Status":"ERROR","Message":"Service Unavailable"}`}
	case s.chance(c.number, 3) < s.config.ResetAfter:
		return Fault{Drop: DropAfter}
	}
	return Fault{}
}

// chance is a number in [0,1) that depends on the seed, the request's number
// and the kind of fault alone.
func (s *Sandbox) chance(number, kind uint64) float64 {
	return float64(s.random(number, kind)>>11) / (1 << 53)
}

// random is splitmix64 of all three.
func (s *Sandbox) random(number, kind uint64) uint64 {
	x := mix(s.config.Seed + 0x9e3779b97f4a7c15)
	x = mix(x + number*0x9e3779b97f4a7c15)
	return mix(x + kind*0x9e3779b97f4a7c15)
}

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// drop resets the connection: the client sees neither an answer nor a polite
// end. Where the connection cannot be had, net/http cuts it.
func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
