package sandbox

import (
	"net"
	"net/http"
	"time"
)

// Fault is what goes wrong with one request. The zero value means nothing.
type Fault struct {
	Delay time.Duration // added to Config.Latency
	Drop  Drop

	// Status, if set, is answered with Header and Body instead of the usual
	// answer. The request is not taken, unless Taken is set.
	Status int
	Header http.Header
	Body   string
	Taken  bool
}

// Drop is when a connection is dropped.
type Drop uint8

// The moments at which a connection is dropped.
const (
	DropNever  Drop = iota // not at all
	DropBefore             // before the request is taken; not logged
	DropAfter              // after it is taken and logged with status 0
	DropMidway             // the same, with half of the answer sent
)

// fault asks the hook, then the rates. It always draws the same number of random
// numbers, so that ids are the same with and without faults.
func (s *Sandbox) fault(x *exchange) Fault {
	before, failed, after := x.random.Float64(), x.random.Float64(), x.random.Float64()
	if s.config.Fault != nil {
		if f := s.config.Fault(x.r, x.form); f.Status != 0 || f.Drop != DropNever || f.Delay != 0 {
			return f
		}
	}
	switch {
	case before < s.config.ResetBefore:
		return Fault{Drop: DropBefore}
	case failed < s.config.ErrorRate:
		return Fault{Status: http.StatusServiceUnavailable, Body: `{"Status":"ERROR","Message":"Service Unavailable"}`}
	case after < s.config.ResetAfter:
		return Fault{Drop: DropAfter}
	case after < s.config.ResetAfter+s.config.ResetMidway:
		return Fault{Drop: DropMidway}
	}
	return Fault{}
}

// drop resets the connection: the client sees neither an answer nor an orderly end.
// If the connection cannot be hijacked, net/http cuts it.
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
