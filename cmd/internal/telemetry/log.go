// Package telemetry has the program's logs, and the metrics of the daemon.
package telemetry

import (
	"io"
	"log/slog"
)

// Logger returns a logger of this level and above that writes text, for people, or
// JSON, for collectors. What it writes is [Plain].
func Logger(w io.Writer, text bool, level slog.Level) *slog.Logger {
	w = Plain(w)
	if text {
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: clock, Level: level}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}

// clock leaves the date out.
func clock(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		a.Value = slog.StringValue(a.Value.Time().Format("15:04:05"))
	}
	return a
}
