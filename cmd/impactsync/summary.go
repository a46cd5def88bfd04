package main

import (
	"bytes"
	"encoding/json"
	"os"

	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	impactsync "github.com/impactsync/impactsync/sync"
)

// summary is how a run ended, in one line of JSON: what Kubernetes keeps of a
// container as its termination message.
type summary struct {
	ExitCode  int    `json:"exit_code"` // of the run, whatever --exit-zero-on makes of it
	Run       int64  `json:"run,omitempty"`
	Found     int64  `json:"found"`
	Delivered int64  `json:"delivered"`
	Refused   int64  `json:"refused"`
	Rejected  int64  `json:"rejected"`
	Held      int64  `json:"held"`
	Due       *due   `json:"due,omitempty"` // nil if no run began
	Note      string `json:"note,omitempty"`
	Hint      string `json:"hint,omitempty"`
}

// due is what could still be sent.
type due struct {
	Traits      int64 `json:"traits"`
	PageLoads   int64 `json:"page_loads"`
	Conversions int64 `json:"conversions"`
}

// unfinished is the summary while a run is under way. It stays if the process is
// killed.
const unfinished = `{"exit_code":null,"note":"the process was killed before it could say more, or still runs; nothing is lost, the next run continues"}` + "\n"

// summarize returns the line of a run. Of several destinations, it is kept for all.
func (a *app) summarize(r impactsync.Report, err error) string {
	s := summarize(r, err)
	if a.turn != nil {
		a.turn.summary = s
	}
	return jsonLine(s)
}

func summarize(r impactsync.Report, err error) summary {
	n := r.Counts
	s := summary{
		ExitCode: impactsync.ExitCode(err), Run: r.Run,
		Found: n["found"], Delivered: n["delivered"], Refused: n["refused"], Rejected: n["rejected"], Held: r.Held(),
		Note: r.Note, Hint: hintFor(err),
	}
	if r.Run != 0 {
		s.Due = &due{r.Traits.Open(), r.PageLoads.Open(), r.Conversions.Open()}
	}
	if err != nil {
		s.Note = err.Error()
	}
	s.Note = shortened(s.Note, 1000) // Kubernetes keeps 4,096 bytes
	return s
}

func shortened(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}

// writeSummary writes to a file that may be a mount, which cannot be replaced. A run
// does not fail for it.
func (a *app) writeSummary(file, text string) {
	if file == "" || a.turn != nil {
		return
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		a.log.Warn("the summary of the run cannot be written", "error", err)
	}
}

// jsonLine returns a summary as JSON.
func jsonLine(s any) string {
	var b bytes.Buffer
	e := json.NewEncoder(telemetry.Plain(&b))
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // into a buffer
	return b.String()
}
