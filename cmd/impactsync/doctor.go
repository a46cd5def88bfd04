package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/terminal"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/spf13/cobra"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check configuration, credentials, sources, state, clock and quota",
		Long: `Check everything that a run needs, one line each, with ok, warn or FAIL and what to do:
the configuration, the file of the secret, the credentials and the program, whether
both hosts answer, the clock, each source with the age of its newest input, the state
file with its lock, destination and disk, and the quota used in the last hour. It shows
which event types the account's latest actions have, and what the token may read. If
conversions go by file, it logs in to the server that takes the files and compares its
host key.

It sends no page load and no conversion, and changes nothing, but that it makes an empty
file where files of conversions go (receipt_..., which impact.com ignores) and removes it.
Its calls to apiURL count towards impact.com's hourly limit.` +
			exits("no FAIL; there may be warnings, such as a stale source", "1   a source or a host does not answer", exitCredentialsLine, exitStateLine, exitUsageLine),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := withSignals(c.Context())
			defer stop()
			return a.doctor(ctx)
		},
	}
}

// doctor checks everything that a run needs, and changes nothing.
type doctor struct {
	*app
	config   *config.Config
	findings []finding
}

// finding is the result of a check.
type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"` // ok, warn or FAIL
	Detail string `json:"detail"`
	Do     string `json:"do,omitempty"`
	code   int    // the exit code with which a run would end
}

func (d *doctor) ok(check, format string, args ...any) {
	d.findings = append(d.findings, finding{Check: check, Result: "ok", Detail: fmt.Sprintf(format, args...)})
}

func (d *doctor) warn(check, do, format string, args ...any) {
	d.findings = append(d.findings, finding{Check: check, Result: "warn", Detail: fmt.Sprintf(format, args...), Do: d.here(do)})
}

// failed reports an error with what to do about it, by default the error's own hint.
func (d *doctor) failed(check, do string, err error) {
	d.findings = append(d.findings, finding{check, "FAIL", err.Error(), d.here(cmp.Or(do, hintFor(err))), impactsync.ExitCode(err)})
}

func (a *app) doctor(ctx context.Context) error {
	c, err := a.look()
	if err != nil {
		return err
	}
	d := &doctor{app: a, config: c}
	if d.checkConfig() {
		d.checkEvents()
		d.checkHosts(ctx)
		d.checkFiles(ctx)
		d.checkSegment(ctx)
	} else { // a host that may not get the token, for example by http, is not asked either
		d.warn("hosts", "correct the configuration first", "not asked")
	}
	for _, s := range d.config.Sources {
		d.checkSource(ctx, s)
	}
	d.checkState(ctx)
	return d.end()
}

// online checks the configuration with impact.com, the server for files of conversions and
// the databases of its sources.
func (a *app) online(ctx context.Context) error {
	d := &doctor{app: a}
	if d.checkConfig() {
		d.checkEvents()
		d.checkHosts(ctx)
		d.checkFiles(ctx)
		d.checkSegment(ctx)
		for _, s := range d.config.Sources {
			if s.Kind == config.KindWarehouse {
				d.checkSource(ctx, s)
			}
		}
		d.checkToldOnline(ctx)
	}
	return d.end()
}

// end prints the findings and returns what failed.
func (d *doctor) end() error {
	if err := d.result(d.findings, nil, d.write); err != nil {
		return err
	}
	code, bad := 0, 0
	for _, f := range d.findings {
		if f.Result == "FAIL" {
			bad++
			code = impactsync.FirstExit(code, f.code)
		}
	}
	if bad == 0 {
		return nil
	}
	return &failure{code, fmt.Errorf("%s failed", count(int64(bad), "check")), "the lines with FAIL say what to do"}
}

var resultTints = map[string]terminal.Tint{"ok": terminal.Good, "warn": terminal.Warn, "FAIL": terminal.Bad}

func (d *doctor) write(w io.Writer) {
	table(w, func(w io.Writer) {
		for _, f := range d.findings {
			row(w, tinted{f.Result, resultTints[f.Result]}, f.Check, f.Detail)
			if f.Do != "" {
				row(w, "", "", "-> "+f.Do)
			}
		}
	})
}

// checkConfig reports whether the configuration is valid. If it is not, the checks
// that can do without go on with what was looked at.
func (d *doctor) checkConfig() bool {
	c, err := d.load()
	if err != nil {
		d.failed("configuration", "impactsync config check lists all problems", err)
		return false
	}
	d.config = c
	d.ok("configuration", "%s", d.app.config)
	for _, w := range c.Warnings {
		d.warn("configuration", "", "%s", w.String())
	}
	if info, err := os.Stat(c.Destination.APIKeyFile); err == nil {
		d.ok("secret", "%s, mode %04o", c.Destination.APIKeyFile, info.Mode().Perm())
	}
	return true
}

// checkEvents shows the event names in effect.
func (d *doctor) checkEvents() {
	m, err := mapping.New(settings(d.config))
	if err != nil {
		d.failed("events", "correct the settings under destination", usage("", "destination: %w", err))
		return
	}
	for _, l := range eventLines(m.EventLists()) {
		d.ok("events", "%s: %s", l[0], l[1])
	}
}

func (d *doctor) checkSource(ctx context.Context, s config.Source) {
	check := "source " + s.Name
	shared := places{}
	defer func() { _ = closePlaces(shared) }()
	feed, err := openFeed(ctx, d.config, s, segmentCatalogue(d.config), shared)
	if err != nil {
		d.failed(check, "correct the source's url or dsn, or mount the folder", unopened(err))
		return
	}
	defer feed.Close()
	rejected, objects := 0, 0
	var newest time.Time
	var missing []source.Input // lists without a file
	for in, err := range feed.Inputs(ctx, func(_ source.Object, _ int64, _ string) { rejected++ }) {
		switch {
		case errors.Is(err, source.ErrEmpty):
			d.warn(check, "a run exits with 3 until the first file is there", "%v", err)
			return
		case errors.Is(err, source.ErrConfig):
			d.failed(check, "correct the configuration as the error says", usage("", "%w", err))
			return
		case err != nil:
			d.failed(check, toCheck(s), err)
			return
		case len(in.Objects) == 0:
			missing = append(missing, in)
		}
		if !d.checkList(ctx, check, feed, in) {
			return
		}
		for _, o := range in.Objects {
			objects++
			if o.ModTime.After(newest) {
				newest = o.ModTime
			}
		}
	}
	what := "object"
	if s.Kind == config.KindWarehouse {
		what = "list"
	}
	text := fmt.Sprintf("%s; the newest is from %s", count(int64(objects), what), newest.UTC().Format(time.RFC3339))
	if objects == 0 {
		text = "no object that can be used"
	}
	switch {
	case objects == 0, rejected > 0:
		d.warn(check, "impactsync plan shows more; a run lists them under impactsync rejected list", "%s; %d rejected", text, rejected)
	case feed.MaxAge > 0 && time.Since(newest) > feed.MaxAge:
		d.warn(check, "check whether Segment still writes there; until then, runs exit with 3", "%s, older than maxAge (%s)", text, feed.MaxAge)
	default:
		d.ok(check, "%s", text)
	}
	for _, in := range missing {
		d.warn(check, "a run does what onMissing says: "+in.OnMissing, "no file for the list of %s", in.Key)
	}
}

// checkList reports whether a database's list can be read, as far as that shows
// without reading it.
func (d *doctor) checkList(ctx context.Context, check string, feed impactsync.Feed, in source.Input) bool {
	db, ok := feed.Source.(source.Database)
	if !ok || len(in.Objects) == 0 {
		return true
	}
	err := db.Check(ctx, in)
	if err != nil {
		d.failed(check, "correct it as the error says; until then nothing of this list changes", fmt.Errorf("%s: %w", in.Key, err))
	}
	return err == nil
}

// toCheck says what to check about a source that cannot be listed.
func toCheck(s config.Source) string {
	if s.Kind == config.KindWarehouse {
		return "check the dsn, the schema, and what its user may read (docs/sources.md has the GRANTs)"
	}
	return "check the url, its permissions (list and read), and whether Segment writes there"
}
