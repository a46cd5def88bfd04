package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/page"
	"github.com/impactsync/impactsync/state"
)

// writePages writes the page of several destinations, and beside it one of each.
func (a *app) writePages(ctx context.Context, all []*turn, to string, ids bool) error {
	var made []madePage
	err := a.pages(ctx, all, to, ids, func(m madePage) { made = append(made, m) })
	return a.result(made, err, func(w io.Writer) {
		for _, m := range made {
			fmt.Fprintf(w, "written to %s (%s, %s)\n", plain(m.File), count(int64(m.Bytes), "byte"), took(m.Seconds))
		}
	})
}

// pages makes them, that of all last. A destination without a state is said on it.
func (a *app) pages(ctx context.Context, all []*turn, to string, ids bool, made func(madePage)) error {
	began := time.Now()
	var o page.Overview
	var errs []error
	for _, t := range all {
		own := a.of(t)
		file := besides(to, t.name)
		g := page.Glance{Name: t.name, Link: url.PathEscape(path.Base(withoutQuery(file)))}
		g.Err = own.opened(ctx, t.config, state.Options{ReadOnly: true, Binding: binding(t.config)}, func(db *state.DB) (err error) {
			g.Page, err = page.Read(ctx, db, own.pageOptions(t.config, ids))
			return err
		})
		if g.Page != nil {
			m, err := writeTo(ctx, file, g.Page.Write)
			errs = append(errs, err)
			made(m)
		}
		o.Each = append(o.Each, g)
	}
	if !slices.ContainsFunc(o.Each, func(g page.Glance) bool { return g.Page != nil }) {
		return o.Each[0].Err
	}
	m, err := writeTo(ctx, to, o.Write)
	m.Seconds = time.Since(began).Seconds()
	made(m)
	return errors.Join(append(errs, err)...)
}

// writeTo writes a page to a file or an object store.
func writeTo(ctx context.Context, to string, write func(context.Context, io.Writer) error) (madePage, error) {
	began := time.Now()
	var html bytes.Buffer
	err := write(ctx, &html)
	if err == nil {
		err = savePage(ctx, to, html.Bytes())
	}
	return madePage{withoutQuery(to), html.Len(), time.Since(began).Seconds()}, err
}

// besides returns the name of a destination's page beside that of all: status-us.html.
func besides(to, name string) string {
	file := withoutQuery(to)
	ext := path.Ext(file)
	return strings.TrimSuffix(file, ext) + "-" + name + ext + to[len(file):]
}

// withoutQuery returns the address of an object without its parameters, of which one may
// be a key.
func withoutQuery(to string) string {
	if !strings.Contains(to, "://") {
		return to
	}
	name, _, _ := strings.Cut(to, "?")
	return name
}

// afterAll writes the pages that the configuration or --report asks for. What goes wrong
// is logged: no run fails for it.
func (a *app) afterAll(ctx context.Context, all []*turn, report string) {
	shared := all[0].config.Report
	to := cmp.Or(report, shared.Path)
	if to == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mostPage)
	defer cancel()
	if err := a.pages(ctx, all, to, shared.WithIDs, func(madePage) {}); err != nil {
		a.log.Warn("the page was not written; the run is not affected", "error", err)
	}
}
