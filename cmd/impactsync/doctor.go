package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/spf13/cobra"
)

// finding is a line of the doctor's.
type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"` // ok, warn or FAIL
	Detail string `json:"detail"`
	Do     string `json:"do,omitempty"`
	code   int    // the exit code that a run would end with
}

// doctor looks at everything that a run needs, and changes nothing.
type doctor struct {
	*app
	config   *config.Config
	valid    bool // the configuration is
	findings []finding
}

func (d *doctor) ok(check, format string, args ...any) {
	d.findings = append(d.findings, finding{Check: check, Result: "ok", Detail: fmt.Sprintf(format, args...)})
}

func (d *doctor) warn(check, do, format string, args ...any) {
	d.findings = append(d.findings, finding{Check: check, Result: "warn", Detail: fmt.Sprintf(format, args...), Do: do})
}

func (d *doctor) bad(check, do string, err error, code int) {
	d.findings = append(d.findings, finding{Check: check, Result: "FAIL", Detail: err.Error(), Do: do, code: code})
}

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check configuration, credentials, sources, state, clock and quota",
		Long: `Check everything that a run needs, one line each, with ok, warn or FAIL and what to do:
the configuration, the file of the secret, the credentials and the program, whether
both hosts answer, the clock, each source with the age of its newest input, the state
file with its lock, destination and disk, and the quota used in the last hour.

It sends no page load and no conversion, and changes nothing. Its calls to apiURL
count towards impact.com's hourly limit.` +
			exits("no FAIL; there may be warnings, such as a stale source", "1   a source or a host does not answer", exitCredentialsLine, exitStateLine, exitUsageLine),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := withSignals(c.Context())
			defer stop()
			return a.doctor(ctx)
		},
	}
}

func (a *app) doctor(ctx context.Context) error {
	d := &doctor{app: a}
	if err := d.checkConfig(); err != nil {
		return err
	}
	if d.valid {
		d.checkHosts(ctx)
	} else { // a host that may not get the token, by http for one, is not asked either
		d.warn("hosts", "correct the configuration first", "not asked")
	}
	d.checkSources(ctx)
	d.checkState(ctx)
	if err := a.result(d.findings, d.write); err != nil {
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
	return &failure{code: code, err: fmt.Errorf("%s failed", count(int64(bad), "check")), hint: "the lines with FAIL say what to do"}
}

func (d *doctor) write(w io.Writer) {
	table(w, func(w io.Writer) {
		for _, f := range d.findings {
			row(w, f.Result, f.Check, plain(f.Detail))
			if f.Do != "" {
				row(w, "", "", "-> "+f.Do)
			}
		}
	})
}

// checkConfig goes on with a configuration that has problems, for what they do
// not concern; without any there is nothing to look at.
func (d *doctor) checkConfig() error {
	var err error
	if d.config, err = d.look(); err != nil {
		return err
	}
	if c, err := d.load(); err == nil {
		d.config, d.valid = c, true
		d.ok("configuration", "%s", d.app.config)
	} else {
		d.bad("configuration", "impactsync config check lists all problems", err, usageExit)
		return nil
	}
	d.checkEvents()
	for _, w := range d.config.Warnings {
		d.warn("configuration", "", "%s", w.String())
	}
	if file := d.config.Destination.APIKeyFile; file != "" {
		d.ok("secret", "%s, mode %04o", file, modeOf(file))
	}
	return nil
}

// checkEvents shows the event names as they count.
func (d *doctor) checkEvents() {
	m, err := mapping.New(settings(d.config))
	if err != nil {
		d.bad("events", "correct the settings under destination", fmt.Errorf("destination: %w", err), usageExit)
		return
	}
	for _, l := range eventLines(m.EventLists()) {
		d.ok("events", "%s: %s", l[0], l[1])
	}
}

func (d *doctor) checkSources(ctx context.Context) {
	for _, s := range d.config.Sources {
		check := "source " + s.Name
		w := &wiring{config: d.config}
		feed, err := w.open(ctx, s)
		if err != nil {
			code := usageExit
			if errors.Is(err, fs.ErrNotExist) {
				code = impactsync.ExitFailed
			}
			d.bad(check, "correct the source's url, or mount the folder", err, code)
			continue
		}
		d.checkSource(ctx, check, feed)
		_ = feed.Close() // it was only looked at
	}
}

func (d *doctor) checkSource(ctx context.Context, check string, feed impactsync.Feed) {
	rejected := 0
	var newest time.Time
	objects := 0
	for in, err := range feed.Inputs(ctx, func(_ source.Object, _ int64, _ string) { rejected++ }) {
		if errors.Is(err, source.ErrEmpty) {
			d.warn(check, "a run exits with 3 until the first file is there", "%v", err)
			return
		}
		if errors.Is(err, source.ErrConfig) {
			d.bad(check, "correct the configuration as the error says", err, usageExit)
			return
		}
		if err != nil {
			d.bad(check, "the url, its permissions (list and read), and whether Segment writes there", err, impactsync.ExitFailed)
			return
		}
		for _, o := range in.Objects {
			objects++
			if o.ModTime.After(newest) {
				newest = o.ModTime
			}
		}
	}
	text := fmt.Sprintf("%s; the newest is of %s", count(int64(objects), "object"), newest.UTC().Format(time.RFC3339))
	if objects == 0 {
		text = "no object that can be used"
	}
	switch {
	case objects == 0, rejected > 0:
		d.warn(check, "impactsync plan shows more; a run keeps them under rejected list", "%s; %d rejected", text, rejected)
	case feed.MaxAge > 0 && time.Since(newest) > feed.MaxAge:
		d.warn(check, "look whether Segment still writes there; a run exits with 3 meanwhile", "%s, older than maxAge (%s)", text, feed.MaxAge)
	default:
		d.ok(check, "%s", text)
	}
	if m, has := feed.Source.(interface{ Missing() []source.Input }); has {
		for _, in := range m.Missing() {
			d.warn(check, "onMissing: "+in.OnMissing+" is what a run does", "no file for the list of %s", in.Key)
		}
	}
}
