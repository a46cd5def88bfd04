package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/page"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/spf13/cobra"
)

func (a *app) reportCommand() *cobra.Command {
	var file string
	var ids bool
	c := &cobra.Command{
		Use:   "report",
		Short: "Write the state as a page to look at",
		Long: `Write a page with what is wrong and the command that helps, the runs of the last 30
days, each audience, the flow of the last run, both hosts, orders and sources. It is
one HTML file that needs nothing from anywhere. Nobody's id is on it unless --with-ids
is given.

It only reads, without lock or credentials, and can be used during a run.` +
			exits("written", "1   the file cannot be written, or there is no state yet", exitReadLine, exitUsageLine),
		Example: `  impactsync report --html status.html
  impactsync report --html 's3://my-bucket/impactsync/status.html?region=eu-west-1'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return usage("impactsync report --html status.html", "report needs --html FILE")
			}
			if all := a.several(); len(all) > 0 {
				return a.writePages(c.Context(), all, file, ids)
			}
			cfg, err := a.look()
			if err != nil {
				return err
			}
			made, err := a.writePage(c.Context(), cfg, file, ids)
			return a.result(made, err, func(w io.Writer) {
				fmt.Fprintf(w, "written to %s (%s, %s)\n", plain(made.File), count(int64(made.Bytes), "byte"), took(made.Seconds))
			})
		},
	}
	c.Flags().StringVar(&file, "html", "", "write the page to this `file`, or to s3://, gs:// or azblob://")
	c.Flags().BoolVar(&ids, "with-ids", false, "show ids of people, too")
	return c
}

// madePage is what the command report prints.
type madePage struct {
	File    string  `json:"file"`
	Bytes   int     `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

// writePage writes the page of the state to a file or an object store.
func (a *app) writePage(ctx context.Context, c *config.Config, to string, ids bool) (madePage, error) {
	began := time.Now()
	var p *page.Page
	err := a.opened(ctx, c, state.Options{ReadOnly: true, Binding: binding(c)}, func(db *state.DB) (err error) {
		p, err = page.Read(ctx, db, a.pageOptions(c, ids))
		return err
	})
	if err != nil {
		return madePage{File: withoutQuery(to)}, err
	}
	made, err := writeTo(ctx, to, p.Write)
	made.Seconds = time.Since(began).Seconds()
	return made, err
}

func savePage(ctx context.Context, to string, html []byte) error {
	var err error
	if strings.Contains(to, "://") {
		err = bucket.Replace(ctx, to, html, "text/html; charset=utf-8")
	} else {
		err = replaceFile(to, html)
	}
	if err != nil {
		return fmt.Errorf("write the page: %w", ofFile(to, err))
	}
	return nil
}

// ofFile returns an error of writing a file under its own name, not under that of the
// temporary file that was to take its place.
func ofFile(name string, err error) error {
	var at *fs.PathError
	var to *os.LinkError
	switch {
	case errors.As(err, &at):
		return fmt.Errorf("%s: %w", name, at.Err)
	case errors.As(err, &to):
		return fmt.Errorf("%s: %w", name, to.Err)
	}
	return err
}

// replaceFile writes a file of mode 0600. Whoever reads it meanwhile has the old one or
// the new one, whole.
func replaceFile(name string, data []byte) error {
	return replaceFileWith(name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// replaceFileWith is replaceFile for what is written as it comes.
func replaceFileWith(name string, fill func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err = fill(f); err != nil {
		return errors.Join(err, f.Close())
	}
	if err = errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// mostPage is how long the page may take after a run.
const mostPage = time.Minute

// afterRun writes the page that the configuration or --report asks for. What goes wrong
// is logged: no run fails for it.
func (a *app) afterRun(ctx context.Context, c *config.Config, report string) {
	to := cmp.Or(report, c.Report.Path)
	if to == "" || a.turn != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mostPage)
	defer cancel()
	if _, err := a.writePage(ctx, c, to, c.Report.WithIDs); err != nil && !errors.Is(err, state.ErrMissing) {
		a.log.Warn("the page was not written; the run is not affected", "error", err)
	}
}

func (a *app) pageOptions(c *config.Config, ids bool) page.Options {
	name, _ := build()
	b := binding(c)
	o := page.Options{
		Now: time.Now(), Name: c.Name, Account: b.AccountSID, Program: b.CampaignID, Sandbox: !b.Official && b.Hosts != "",
		State: filepath.Base(c.State.Path), Version: name, WithIDs: ids,
		Rates:  impactsync.Rates{PageLoadsPerSecond: c.Delivery.PageLoadsPerSecond, ConversionsPerHour: c.Delivery.ConversionsPerHour},
		ByFile: c.Conversions.Route == string(impactsync.ByFile),
	}
	if a.config != defaultConfig {
		o.Config = a.config
	}
	return o
}
