package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/page"
	"github.com/impactsync/impactsync/state"
	"github.com/spf13/cobra"
)

func (a *app) uiCommand() *cobra.Command {
	var u ui
	c := &cobra.Command{
		Use:   "ui",
		Short: "Serve the state as a page to look at, with a search",
		Long: `Serve the page that impactsync report writes, made anew for each request, with a
search for a person and an order. It prints the page's address, whose token keeps
others out, and ends on SIGINT or SIGTERM.

It only reads: whatever is to be done is a command to copy. It needs neither lock nor
credentials, and can be used during a run. There is no TLS, so only loopback addresses
are listened on unless --allow-remote is given.` +
			exits("stopped by a signal", "1   the address cannot be used, or there is no state yet", exitReadLine, exitUsageLine),
		Example: `  impactsync ui
  impactsync ui --listen 127.0.0.1:8088 --with-ids
  kubectl port-forward pod/impactsync-ui 8088      in a cluster, to a pod that listens on loopback`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.ui(c.Context(), u) },
	}
	c.Flags().StringVar(&u.listen, "listen", "127.0.0.1:0", "address and port; port 0 picks one")
	c.Flags().BoolVar(&u.ids, "with-ids", false, "show ids of people, too")
	c.Flags().BoolVar(&u.remote, "allow-remote", false, "listen on an address that others can reach; put TLS in front of it")
	c.Flags().StringSliceVar(&u.names, "host", nil, "a `name` by which it may be asked, beside addresses and localhost (repeatable)")
	return c
}

// ui holds the flags of the command.
type ui struct {
	listen      string
	ids, remote bool
	names       []string
}

func (a *app) ui(ctx context.Context, u ui) error {
	cfg, err := a.any()
	if err != nil {
		return err
	}
	if err := u.check(); err != nil {
		return err
	}
	s := a.pageServer(cfg, u)
	if len(s.Places) == 0 {
		if err := s.View(ctx, func(*state.DB) error { return nil }); err != nil {
			return err
		}
	}
	ctx, stop := withSignals(ctx)
	defer stop()
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", u.listen)
	if err != nil {
		return fmt.Errorf("start the page: %w", err)
	}
	wait := a.serve(ctx, l, s.Handler(), mostAnswer)
	address := fmt.Sprintf("http://%s/%s/", l.Addr(), s.Token)
	err = a.result(map[string]string{"url": address}, nil, func(w io.Writer) { fmt.Fprintln(w, address) })
	if err == nil {
		<-ctx.Done()
	}
	if stopped := wait(); err == nil {
		err = stopped
	}
	return err
}

// mostAnswer is how long a page may take, and its way to the browser.
const mostAnswer = time.Minute

func (a *app) pageServer(cfg *config.Config, u ui) *page.Server {
	place := func(own *app, c *config.Config) page.Place {
		return page.Place{
			Name: c.Name, Options: func() page.Options { return own.pageOptions(c, u.ids) },
			View: func(ctx context.Context, fn func(*state.DB) error) error {
				return own.opened(ctx, c, state.Options{ReadOnly: true, AsIs: true, Binding: binding(c)}, fn)
			},
		}
	}
	only := place(a, cfg)
	var places []page.Place
	for _, t := range a.several() {
		places = append(places, place(a.of(t), t.config))
	}
	return &page.Server{
		Token: rand.Text(), Names: u.names, View: only.View, Options: only.Options, Places: places,
		ID: func(text string) (string, error) {
			if err := checkPerson(cfg, text); err != nil {
				return "", err
			}
			return idOf(text), nil
		},
	}
}

// check refuses an address that others can reach, unless they are meant to.
func (u ui) check() error {
	host, _, err := net.SplitHostPort(u.listen)
	if err != nil {
		return usage("such as 127.0.0.1:8088", "--listen: %w", err)
	}
	if ip := net.ParseIP(host); u.remote || host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return usage("impactsync ui --listen 127.0.0.1:0, and a tunnel to it (ssh -L, kubectl port-forward); --allow-remote overrides",
		"--listen %s: others can reach this address, and the page has no TLS", u.listen)
}
