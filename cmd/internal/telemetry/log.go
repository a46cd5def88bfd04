// Package telemetry has the program's logs, and the metrics of the daemon.
package telemetry

import (
	"io"
	"log/slog"
)

// Logger returns a logger that writes text to a terminal and JSON to anything else,
// for collectors. What it writes is [Plain].
func Logger(w io.Writer, terminal bool) *slog.Logger {
	w = Plain(w)
	if terminal {
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: clock}))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

// clock leaves the date out.
func clock(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		a.Value = slog.StringValue(a.Value.Time().Format("15:04:05"))
	}
	return a
}
