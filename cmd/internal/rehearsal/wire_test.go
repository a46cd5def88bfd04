package rehearsal

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// wire is a bad connection to a server: it breaks every second time, somewhere in what is
// sent or answered.
type wire struct {
	server string

	mu     sync.Mutex
	rng    *rand.Rand
	broken int // connections
}

// newWire returns a bad connection to a server, and the address of its near end.
func newWire(t *testing.T, server string, seed uint64) (w *wire, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w = &wire{server: server, rng: rand.New(rand.NewPCG(seed, 17))}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { w.carry(client) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); open.Wait() })
	return w, listener.Addr().String()
}

// carry carries what both sides say, until one of them ends or the wire breaks.
func (w *wire) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", w.server)
	if err != nil {
		return
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{server, client}, {client, server}} {
		most := w.most()
		go func() {
			if n, _ := io.CopyN(way[0], way[1], most); n == most {
				w.breaks()
			}
			done <- struct{}{}
		}()
	}
	<-done
	_ = client.Close()
	_ = server.Close()
	<-done
}

// most is after how many bytes one direction breaks: the handshake takes some thousand,
// a file of 500 orders 100,000.
func (w *wire) most() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rng.IntN(3) > 0 {
		return 1 << 40
	}
	return w.rng.Int64N(1 << (8 + w.rng.IntN(9)))
}

func (w *wire) breaks() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken++
}
