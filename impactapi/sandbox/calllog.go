package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/impactsync/impactsync/impactapi"
)

// Call is one request as the log keeps it.
type Call struct {
	At     time.Time
	Method string
	Path   string
	Form   impactapi.Params // in the order sent; from a log file, repeated names together
	Status int              // 0: taken, connection dropped before the answer
}

// line is a call in the form of the log.
type line struct {
	At     string          `json:"at"`
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Form   json.RawMessage `json:"form"`
	Status int             `json:"status"`
}

const logTime = "2006-01-02T15:04:05.000000000Z07:00"

// Line returns the call as a line of the call log, line break included.
func (c *Call) Line() []byte {
	return encode(line{c.At.UTC().Format(logTime), c.Method, c.Path, formObject(c.Form), c.Status})
}

// formObject returns a JSON object with each name once, at its first place; the
// values of a repeated name are an array.
func formObject(form impactapi.Params) []byte {
	var names []string
	values := make(map[string][]string, len(form))
	for _, p := range form {
		if values[p.Name] == nil {
			names = append(names, p.Name)
		}
		values[p.Name] = append(values[p.Name], p.Value)
	}
	members := make([][]byte, len(names))
	for i, name := range names {
		var value any = values[name]
		if len(values[name]) == 1 {
			value = values[name][0]
		}
		members[i] = slices.Concat(encode(name), []byte{':'}, encode(value))
	}
	return slices.Concat([]byte{'{'}, bytes.Join(members, []byte{','}), []byte{'}'})
}

// encode is json.Marshal with & and angle brackets as they are, so that the log
// can be searched for URLs. It adds a line break.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // texts and numbers always encode
	}
	return b.Bytes()
}

// UnmarshalJSON reads a line of the call log. Parameters keep their order.
func (c *Call) UnmarshalJSON(text []byte) error {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("read call: %w", err)
	}
	at, err := time.Parse(logTime, l.At)
	if err != nil {
		return fmt.Errorf("read time of call: %w", err)
	}
	form, err := parseJSON(l.Form)
	if err != nil {
		return fmt.Errorf("read form of call: %w", err)
	}
	*c = Call{At: at, Method: l.Method, Path: l.Path, Form: form, Status: l.Status}
	return nil
}

// callLog writes each call in one write, so that a line is whole and on its
// way to the disk before the answer leaves.
type callLog struct {
	mu     sync.Mutex
	file   *os.File // nil for none
	record bool
	calls  []Call
}

func openLog(path string, record bool) (*callLog, error) {
	l := &callLog{record: record}
	if path == "" {
		return l, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open call log: %w", err)
	}
	if err := file.Chmod(0o600); err != nil {
		file.Close()
		return nil, fmt.Errorf("open call log: %w", err)
	}
	l.file = file
	return l, nil
}

// write logs the call. An error means that the line may be missing, so the
// request must not be answered as if it had been logged.
func (l *callLog) write(c *Call) error {
	var text []byte
	if l.file != nil {
		text = c.Line()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.record {
		l.calls = append(l.calls, *c)
	}
	if l.file == nil {
		return nil
	}
	if _, err := l.file.Write(text); err != nil {
		return fmt.Errorf("write call log: %w", err)
	}
	return nil
}

func (l *callLog) recorded() []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

func (l *callLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("close call log: %w", err)
	}
	return nil
}
