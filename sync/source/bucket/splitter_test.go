package bucket

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/source"
)

// split returns "line:record" or "line:!flaw" for each item, and the positions.
func split(t *testing.T, src io.Reader, maxLine int) (items []string, positions []source.Position) {
	t.Helper()
	return drain(t, NewSplitter(src, maxLine))
}

func drain(t *testing.T, s *Splitter) (items []string, positions []source.Position) {
	t.Helper()
	for {
		item, err := s.Next()
		if errors.Is(err, io.EOF) {
			return items, append(positions, s.Position())
		}
		require.NoError(t, err)
		text := string(item.Data)
		if item.Flaw != FlawNone {
			require.Nil(t, item.Data)
			text = "!" + string(item.Flaw)
		}
		items = append(items, string('0'+rune(item.Line))+":"+text)
		positions = append(positions, s.Position())
	}
}

func TestSplitterCuts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 50)
	for name, tt := range map[string]struct {
		in   string
		want []string
	}{
		"nothing":                         {"", nil},
		"only blank lines":                {"\n \r\n\t", nil},
		"lines":                           {"{\"a\":1}\n{\"b\":2}\n", []string{`1:{"a":1}`, `2:{"b":2}`}},
		"lines with carriage returns":     {"{}\r\n{}\r\n", []string{"1:{}", "2:{}"}},
		"a whole last line, no newline":   {"{}\n{\"b\":2}", []string{"1:{}", `2:{"b":2}`}},
		"a cut last line":                 {"{}\n{\"b\":", []string{"1:{}", "2:!incomplete last line"}},
		"blank lines count":               {"\n\n{}\n\n{}", []string{"3:{}", "5:{}"}},
		"a long line":                     {"{}\n" + long + "\n{}\n", []string{"1:{}", "2:!longer than the line limit", "3:{}"}},
		"a long last line":                {"{}\n" + long, []string{"1:{}", "2:!longer than the line limit"}},
		"an array":                        {`[{"a":"]},["}, [1] ,2,"x"]`, []string{`1:{"a":"]},["}`, "2:[1]", "3:2", `4:"x"`}},
		"an array over lines":             {"[\n  {\n  \"a\": 1\n  },\n  {}\n]\n", []string{"1:{\n  \"a\": 1\n  }", "2:{}"}},
		"an empty array":                  {" [ ]\n", nil},
		"an array, then lines":            {"[{}]\n{\"a\":1}\n", []string{"1:{}", `3:{"a":1}`}},
		"an array per line":               {"[{}]\n[{\"a\":1},{}]\n", []string{"1:{}", `3:{"a":1}`, "4:{}"}},
		"a long element":                  {`[{},{"x":"` + long + `"},{}]`, []string{"1:{}", "2:!longer than the line limit", "3:{}"}},
		"an array without its end":        {`[{},`, []string{"1:{}", "2:!incomplete last line"}},
		"an array cut in an element":      {`[{},{"a`, []string{"1:{}", "2:!incomplete last line"}},
		"a line end in a text of a value": {"[{\"a\n{}\n", []string{"1:!broken JSON array", "2:{}"}},
		"a line end in a text, two lines": {"[{\n\"a\n{}\n", []string{"1:!broken JSON array", "2:{}"}},
		"an array without commas":         {"[{} {}]\n{}\n", []string{"1:{}", "2:!broken JSON array", "3:{}"}},
		"a line that begins an array":     {"{}\n[{\"a\":1},{\n{}\n", []string{"1:{}", `2:{"a":1}`, "3:!broken JSON array", "4:{}"}},
		"a brace that closes nothing":     {"[}]\n{}\n", []string{"1:!broken JSON array", "2:{}"}},
		"what is no JSON":                 {"junk\n\x00\x01\n", []string{"1:junk", "2:\x00\x01"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			items, _ := split(t, strings.NewReader(tt.in), 40)
			require.Equal(t, tt.want, items)
			items, _ = split(t, iotest.OneByteReader(strings.NewReader(tt.in)), 40)
			require.Equal(t, tt.want, items, "read byte by byte")
		})
	}
}

func TestSplitterReadsOnBehindALineThatGotItsNewline(t *testing.T) {
	t.Parallel()
	_, positions := split(t, strings.NewReader("{}\n{\"a\":1}"), 0)
	s := NewSplitter(strings.NewReader("{}\n{\"a\":1}\n{\"b\":2}\n"), 0)
	same, err := s.Resume(positions[1])
	require.NoError(t, err)
	require.True(t, same)
	items, _ := drain(t, s)
	require.Equal(t, []string{`3:{"b":2}`}, items)
}

func TestSplitterSeesARewrittenStart(t *testing.T) {
	t.Parallel()
	_, positions := split(t, strings.NewReader("{\"a\":1}\n{}\n"), 0)
	old := positions[1]
	sum := sha256.Sum256([]byte("{\"a\":1}\n{}\n"))
	old.Hash = sum[:]
	for name, now := range map[string]string{
		"other bytes": "{\"a\":2}\n{}\n{}\n",
		"shorter":     "{\"a\":1}\n",
		"other lines": "{\"a\":1} {}\n{}\n",
	} {
		for _, from := range []source.Position{positions[1], old} {
			same, err := NewSplitter(strings.NewReader(now), 0).Resume(from)
			require.NoError(t, err, name)
			require.False(t, same, name)
		}
	}
}

func TestSplitterHoldsNoLongLine(t *testing.T) {
	t.Parallel()
	endless := io.LimitReader(iotest.DataErrReader(zeros{}), 1<<30)
	s := NewSplitter(endless, 0)
	item, err := s.Next()
	require.NoError(t, err)
	require.Equal(t, FlawTooLong, item.Flaw)
	require.LessOrEqual(t, cap(s.held)+s.src.Size(), 2*DefaultMaxLine+bufferSize)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// FuzzSplitter holds for any bytes: the way they come in does not matter, a
// position's hash is that of the bytes before it, and from each position the
// rest is read as it would have been.
func FuzzSplitter(f *testing.F) {
	f.Add([]byte("{\"a\":1}\n{}\n[{},{\"b\":[1]}]\n{"), 20)
	f.Add([]byte("[\n{\"a\":\"x\\\"\"},\n{}\n]\n{}"), 8)
	f.Add([]byte("[{} {}]\nx\r\n"), 3)
	f.Add([]byte("[{\n\"\n0"), 20) // broken behind the first line end of a value
	f.Fuzz(func(t *testing.T, in []byte, maxLine int) {
		maxLine = max(1, maxLine%64)
		items, positions := split(t, bytes.NewReader(in), maxLine)
		slow, _ := split(t, iotest.OneByteReader(bytes.NewReader(in)), maxLine)
		require.Equal(t, items, slow)
		for i, p := range positions {
			require.Equal(t, binary.BigEndian.AppendUint64(nil, xxhash.Sum64(in[:p.Offset])), p.Hash)
			old := sha256.Sum256(in[:p.Offset])
			if i%2 == 1 {
				p.Hash = old[:]
			}
			s := NewSplitter(bytes.NewReader(in), maxLine)
			same, err := s.Resume(p)
			require.NoError(t, err)
			require.True(t, same, "position %d of %q", i, in)
			if i < len(items) && !strings.HasSuffix(items[i], string(FlawIncomplete)) {
				rest, _ := drain(t, s)
				require.Equal(t, items[i+1:], append([]string{}, rest...), "from position %d of %q", i, in)
			}
		}
	})
}

// FuzzSplitterKeepsRecords holds for any JSON: records come out as they went
// in, whether they stand in lines or in an array.
func FuzzSplitterKeepsRecords(f *testing.F) {
	f.Add(`{"a":"]\\\"\u2028"}`, `[1,[2]]`, `"x"`)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		var want []string
		var lines, array bytes.Buffer
		for _, text := range []string{a, b, c} {
			var one bytes.Buffer
			if json.Compact(&one, []byte(text)) != nil || one.Bytes()[0] == '[' {
				continue
			}
			want = append(want, string('1'+rune(len(want)))+":"+one.String())
			lines.WriteString(one.String() + "\n")
			array.WriteString(map[bool]string{true: "[\n", false: " ,\n"}[len(want) == 1] + text)
		}
		items, _ := split(t, &lines, 0)
		require.Equal(t, want, items)
		if len(want) == 0 {
			return
		}
		array.WriteString("\n]")
		items, _ = split(t, &array, 0)
		for i, item := range items {
			var one bytes.Buffer
			require.NoError(t, json.Compact(&one, []byte(item[2:])))
			items[i] = item[:2] + one.String()
		}
		require.Equal(t, want, items)
	})
}
