package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

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

// AppendJSON appends the call as a line of the call log, line break included.
func (c *Call) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"at":"`...)
	dst = c.At.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000000Z07:00")
	dst = append(dst, `","method":`...)
	dst = appendString(dst, c.Method)
	dst = append(dst, `,"path":`...)
	dst = appendString(dst, c.Path)
	dst = append(dst, `,"form":{`...)
	dst = appendForm(dst, c.Form)
	dst = append(dst, `},"status":`...)
	dst = strconv.AppendInt(dst, int64(c.Status), 10)
	return append(dst, '}', '\n')
}

// appendForm writes each name once, where it stands first.
func appendForm(dst []byte, form impactapi.Params) []byte {
	again := repeated(form)
	first := true
	for i, p := range form {
		values, isRepeated := again[p.Name]
		if isRepeated && values == nil {
			continue // written already
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendString(dst, p.Name), ':')
		if !isRepeated {
			dst = appendString(dst, p.Value)
			continue
		}
		for j, k := range values {
			dst = append(dst, "[,"[min(j, 1)])
			dst = appendString(dst, form[i+k].Value)
		}
		dst = append(dst, ']')
		again[p.Name] = nil
	}
	return dst
}

// repeated lists, for each name that occurs again, how far behind the first
// its occurrences stand. It is nil in the usual case.
func repeated(form impactapi.Params) map[string][]int {
	var again map[string][]int
	if len(form) < 2 {
		return nil
	}
	seen := make(map[string]int, len(form))
	for i, p := range form {
		first, ok := seen[p.Name]
		if !ok {
			seen[p.Name] = i
			continue
		}
		if again == nil {
			again = make(map[string][]int)
		}
		if again[p.Name] == nil {
			again[p.Name] = []int{0}
		}
		again[p.Name] = append(again[p.Name], i-first)
	}
	return again
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string; encoding/json would cost more than the
// rest of a request.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), `\ufffd`...)
				start = i + 1
			}
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		if c == '"' || c == '\\' {
			dst = append(dst, '\\', c)
		} else {
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

// UnmarshalJSON reads a line of the call log; names come sorted by nothing but
// their place in the line.
func (c *Call) UnmarshalJSON(line []byte) error {
	var wire struct {
		At           time.Time
		Method, Path string
		Form         json.RawMessage
		Status       int
	}
	if err := json.Unmarshal(line, &wire); err != nil {
		return fmt.Errorf("read call: %w", err)
	}
	form, err := parseJSON(wire.Form)
	if err != nil {
		return fmt.Errorf("read form of call: %w", err)
	}
	*c = Call{At: wire.At, Method: wire.Method, Path: wire.Path, Form: form, Status: wire.Status}
	return nil
}

// callLog writes each call in one write, so that a line is whole and on its
// way to the disk before the answer leaves.
type callLog struct {
	mu     sync.Mutex
	file   *os.File
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

var lines = sync.Pool{New: func() any { return new([]byte) }}

// write logs the call. An error means that the line may be missing, so the
// request must not be answered as if all were well.
func (l *callLog) write(c *Call) error {
	if l.file == nil && !l.record {
		return nil
	}
	line := lines.Get().(*[]byte)
	defer lines.Put(line)
	*line = c.AppendJSON((*line)[:0])

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.record {
		l.calls = append(l.calls, *c)
	}
	if l.file == nil {
		return nil
	}
	if _, err := l.file.Write(*line); err != nil {
		return fmt.Errorf("write call log: %w", err)
	}
	return nil
}

func (l *callLog) recorded() []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Call(nil), l.calls...)
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
