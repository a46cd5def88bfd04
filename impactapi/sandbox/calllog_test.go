package sandbox_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
)

func TestCallLog(t *testing.T) {
	t.Parallel()

	t.Run("a line is there by the time the client has its answer", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{})
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				for i := range 20 {
					id := fmt.Sprintf("anon-%d-%d", worker, i)
					p := pageLoad(impactapi.Param{Name: "vip", Value: id})
					if _, err := s.client.SendPageLoad(t.Context(), ready(impactapi.NewPageLoad, p)); err != nil {
						t.Error(err)
					}
					text, err := os.ReadFile(s.log)
					if err != nil || !strings.Contains(string(text), `"vip":"`+id+`"},"status":200}`+"\n") {
						t.Errorf("no line for %s", id)
					}
				}
			})
		}
		wg.Wait()
		info, err := os.Stat(s.log)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	})

	t.Run("it reads back as it was recorded", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{})
		_, err := s.client.SendPageLoad(t.Context(), ready(impactapi.NewPageLoad, pageLoad(impactapi.Param{Name: "note", Value: "tab\t\"quote\"\\ \u2028 ü\x7f"})))
		require.NoError(t, err)
		file, err := os.Open(s.log)
		require.NoError(t, err)
		defer file.Close()
		var calls []sandbox.Call
		for lines := bufio.NewScanner(file); lines.Scan(); {
			var c sandbox.Call
			require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
			calls = append(calls, c)
		}
		want := s.box.Calls()
		require.Len(t, calls, 1)
		require.Equal(t, want[0].Form, calls[0].Form)
		require.Equal(t, "/PageLoad", calls[0].Path)
		require.True(t, want[0].At.Equal(calls[0].At))
	})
}

// Every call becomes one line of valid JSON, its values as encoding/json
// reads them.
func FuzzCallLine(f *testing.F) {
	f.Add("/PageLoad", "a", "1", "b", "\xff\u2028\"\\\x01")
	f.Add("/", "a", "1", "a", "2")
	f.Fuzz(func(t *testing.T, path, name1, value1, name2, value2 string) {
		c := sandbox.Call{At: time.Unix(1, 1), Method: "POST", Path: path,
			Form: impactapi.Params{{Name: name1, Value: value1}, {Name: name2, Value: value2}}}
		line := c.Line()
		require.Equal(t, 1, strings.Count(string(line), "\n"))
		var back sandbox.Call
		require.NoError(t, json.Unmarshal(line, &back))
		if name1 == strings.ToValidUTF8(name1, "") && value2 == strings.ToValidUTF8(value2, "") && name2 == strings.ToValidUTF8(name2, "") {
			require.Equal(t, name1, back.Form[0].Name)
			require.Equal(t, value2, back.Form[1].Value)
		}
	})
}
