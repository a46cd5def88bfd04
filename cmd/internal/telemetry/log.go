// Package telemetry is what the program tells about itself: logs, and metrics
// of the daemon.
package telemetry

import (
	"io"
	"log/slog"
)

// Logger writes text to a terminal and JSON to anything else, for collectors.
// Foreign text in it cannot move a cursor or turn a line around.
func Logger(w io.Writer, terminal bool) *slog.Logger {
	w = Plain(w)
	if terminal {
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: clock}))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

// clock shortens the time: somebody is watching.
func clock(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		a.Value = slog.StringValue(a.Value.Time().Format("15:04:05"))
	}
	return a
}
