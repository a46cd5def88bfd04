package sync_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// returning is the model of an order: how much of its items A (one) and B (two) is
// left.
type returning struct{ a, b int }

// TestRefundsModel plays random refunds, in any order and with repeated messages, while
// answers and requests get lost, and compares impact.com's books with counters that each
// refund lowers once. No action is reversed twice, and no change is sent twice.
func TestRefundsModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			playRefunds(t, rand.New(rand.NewPCG(seed, 14)))
		})
	}
}

func playRefunds(t *testing.T, rng *rand.Rand) {
	faults := rand.New(rand.NewPCG(rng.Uint64(), 1))
	calm := false
	w := refunding(t, state.RefundItems, sandbox.Config{Fault: func(r *http.Request, _ impactapi.Params) sandbox.Fault {
		if calm || r.Method != http.MethodPut && r.Method != http.MethodDelete {
			return sandbox.Fault{}
		}
		switch faults.IntN(6) { // one worker: no two at a time
		case 0:
			return sandbox.Fault{Drop: sandbox.DropAfter}
		case 1:
			return sandbox.Fault{Drop: sandbox.DropBefore}
		case 2:
			return sandbox.Fault{Status: http.StatusBadGateway, Body: "proxy", Taken: faults.IntN(2) == 0}
		}
		return sandbox.Fault{}
	}})
	change := w.change
	w.change = func(c *impactsync.Config) {
		change(c)
		c.Workers = 1
	}
	model := map[string]*returning{}
	var lines []string
	for i := range 12 {
		id := fmt.Sprint("o", i)
		model[id] = &returning{1, 2}
		lines = append(lines, sold(id, 90))
	}
	w.log("a.ndjson", lines...)
	w.mustRun()
	w.log("b.ndjson", someRefunds(rng, model)...)
	ahead := time.Duration(0)
	for i := range 12 {
		calm = i >= 8
		w.mustRunLater(ahead)
		ahead += 13 * time.Hour
	}
	w.compareBooks(model)
}

// someRefunds returns messages about random refunds, shuffled and some of them twice,
// and applies each once to the model.
func someRefunds(rng *rand.Rand, model map[string]*returning) (lines []string) {
	for i := range 30 {
		id := fmt.Sprint("o", rng.IntN(len(model)))
		o, message, line := model[id], fmt.Sprint("r", i), ""
		switch rng.IntN(5) {
		case 0:
			o.a, o.b = 0, 0
			line = refunded(message, id, rng.IntN(60), "")
		case 1:
			o.a = max(o.a-1, 0)
			line = refunded(message, id, rng.IntN(60), `"products":[{"sku":"A","quantity":1}]`)
		case 2:
			line = refunded(message, id, rng.IntN(60), `"total":5`) // not clear
		default:
			o.b = max(o.b-1, 0)
			line = refunded(message, id, rng.IntN(60), `"products":[{"sku":"B","quantity":1}]`)
		}
		for range 1 + rng.IntN(2) {
			lines = append(lines, line)
		}
	}
	rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return lines
}

// compareBooks compares impact.com's actions with the model, and what it was sent.
func (w *world) compareBooks(model map[string]*returning) {
	w.t.Helper()
	client, err := impactapi.New(impactapi.Config{AccountSID: "IRsid", AuthToken: "token", TrackingURL: w.server.URL, APIURL: w.server.URL})
	require.NoError(w.t, err)
	defer client.Close()
	seen := 0
	_, err = client.Actions(context.Background(), impactapi.Window{CampaignID: "23224", From: time.Now().Add(-24 * time.Hour), To: time.Now().Add(time.Hour)}, func(a *impactapi.Action) error {
		o := model[a.OrderID]
		want := fmt.Sprint("PENDING ", 19*o.a+3*o.b)
		if o.a+o.b == 0 {
			want = "REVERSED 0"
		}
		require.Equal(w.t, want, a.State+" "+strings.TrimSuffix(a.Amount, ".00"), "order %s; %v", a.OrderID, w.refunds())
		seen++
		return nil
	})
	require.NoError(w.t, err)
	require.Equal(w.t, len(model), seen)
	made := map[string]int{} // by what was changed: an update of a change that was made twice comes twice
	_, err = client.ActionUpdates(context.Background(), impactapi.Window{CampaignID: "23224", From: time.Now().Add(-24 * time.Hour), To: time.Now().Add(time.Hour)}, func(u *impactapi.ActionUpdate) error {
		if u.Disposition != "" && u.Disposition != "IR_BLANK" {
			made[strings.Join([]string{u.ActionID, u.State, u.Disposition, u.Sku, u.Quantity}, " ")]++
		}
		return nil
	})
	require.NoError(w.t, err)
	require.NotEmpty(w.t, made)
	for what, n := range made {
		require.Equal(w.t, 1, n, what)
	}
}
