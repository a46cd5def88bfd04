package telemetry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	"github.com/stretchr/testify/require"
)

func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Müller, 山田 🎁":            "Müller, 山田 🎁",
		"a\tb\nc":                 `a\u0009b\u000ac`,
		"\x1b[2Kgone\r\a":         `\u001b[2Kgone\u000d\u0007`,
		"\u009b31m":               `\u009b31m`,
		"\u202egnp.exe\u202c":     `\u202egnp.exe\u202c`,
		"\u2066a\u2069\u200f":     `\u2066a\u2069\u200f`,
		"a\u200bb\ufeff\u2028":    `a\u200bb\ufeff\u2028`,
		"\U000e0041\u061c\x7f":    `\udb40\udc41\u061c\u007f`,
		"no\u3164thing\u00ad\x00": `no\u3164thing\u00ad\u0000`,
	} {
		require.Equal(t, want, telemetry.Escape(in))
	}

	t.Run("a writer lets lines and tabs through, and keeps JSON what it was", func(t *testing.T) {
		t.Parallel()
		var b bytes.Buffer
		w := telemetry.Plain(&b)
		n, err := fmt.Fprint(w, "a\tb\u202e\n")
		require.NoError(t, err)
		require.Equal(t, 7, n)
		require.Equal(t, "a\tb\\u202e\n", b.String())
		b.Reset()
		value := map[string]string{"name": "\u202e\U000e0041\u200b\x1b\\\""}
		require.NoError(t, json.NewEncoder(w).Encode(value))
		require.NotContains(t, b.String(), "\u202e")
		var back map[string]string
		require.NoError(t, json.Unmarshal(b.Bytes(), &back))
		require.Equal(t, value, back)
	})

	t.Run("logs are plain, too", func(t *testing.T) {
		t.Parallel()
		for _, terminal := range []bool{true, false} {
			var b bytes.Buffer
			telemetry.Logger(&b, terminal, slog.LevelInfo).Warn("odd", slog.String("object", "a\u202eb\x1b[2K"))
			require.NotContains(t, b.String(), "\u202e")
			require.NotContains(t, b.String(), "\x1b")
		}
	})
}
