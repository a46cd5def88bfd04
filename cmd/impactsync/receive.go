package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/receive"
	"github.com/impactsync/impactsync/sync/spool"
	"github.com/spf13/cobra"
	"golang.org/x/net/netutil"
)

func (a *app) receiveCommand() *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use:   "receive",
		Short: "Take messages of Segment's webhooks into a folder that runs read",
		Long: `Take what Segment's webhooks post (receive in the configuration): a body whose signature
is right is on disk before it is answered with 200. Runs read the folder as a source of
kind events. While the folder or its disk is full, the answer is 503, and Segment sends
the body again, for four hours.

It needs neither the state nor credentials of impact.com. impactsync daemon receives, too,
unless it is told not to; one process at a time has the folder.

/healthz and /metrics are at an address of their own; /healthz is at the other as well.
SIGTERM and SIGINT stop in good order: what is under way is stored and answered.` +
			exits("stopped by a signal", "1   an address or the folder cannot be used", "10  another process has the folder", exitUsageLine),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.receive(c.Context(), listen) },
	}
	c.Flags().StringVar(&listen, "metrics-listen", "127.0.0.1:9091", "address and port of /healthz and /metrics; port 0 picks one")
	return c
}

func (a *app) receive(ctx context.Context, listen string) error {
	c, err := config.LoadReceive(a.config, os.LookupEnv)
	if err != nil {
		return badConfig(err)
	}
	if c.Receive == nil {
		return usage("docs/receive.md says what to set up", "the configuration has no receive")
	}
	ctx, stop := withSignals(ctx)
	defer stop()
	r, err := a.startReceiver(ctx, c.Receive)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", listen)
	if err != nil {
		return errors.Join(fmt.Errorf("start the metrics: %w", err), r.stop(ctx))
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", r.metrics.Handler(build()))
	mux.Handle("GET /healthz", r.handler)
	wait := a.serve(ctx, l, mux, 10*time.Second)
	select {
	case <-ctx.Done():
	case err = <-r.ended:
	}
	return errors.Join(err, r.stop(ctx), wait())
}

// receiveBeside takes webhooks until it is stopped. If it cannot any more, the context
// that it returns ends, and stop says why.
func (a *app) receiveBeside(ctx context.Context, c *config.Receive, m *telemetry.Metrics) (serving context.Context, stop func() error, err error) {
	r, err := a.startReceiver(ctx, c)
	if err != nil {
		return ctx, nil, err
	}
	m.With(r.metrics)
	serving, cancel := context.WithCancelCause(ctx)
	failed := make(chan error, 1)
	go func() {
		err := <-r.ended
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		failed <- err
		cancel(err)
	}()
	return serving, func() error { return errors.Join(r.stop(ctx), <-failed) }, nil
}

// receiver is a server that takes webhooks.
type receiver struct {
	handler http.Handler
	metrics *telemetry.Receiving
	server  *http.Server
	spool   *spool.Spool
	ended   chan error // why it does not serve any more
}

// mostReceiving is how many connections are accepted at a time.
const mostReceiving = 512

// startReceiver opens the spool, and takes webhooks until it is stopped.
func (a *app) startReceiver(ctx context.Context, c *config.Receive) (*receiver, error) {
	secrets, err := receive.OpenSecrets(c.SecretFile)
	if err != nil {
		return nil, usage("", "receive.secretFile: %w", err)
	}
	var encrypted *tls.Config
	if c.TLSCertFile != "" {
		if encrypted, err = receive.TLS(c.TLSCertFile, c.TLSKeyFile); err != nil {
			return nil, usage("", "receive.tlsCertFile: %w", err)
		}
	}
	r := &receiver{ended: make(chan error, 1)}
	r.metrics = telemetry.NewReceiving(func() telemetry.Spooled { return spooled(r.spool) }, receive.Reasons())
	if r.spool, err = a.openSpool(c, r.metrics); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for webhooks: %w", err), r.spool.Close())
	}
	r.handler = receive.Handler(receive.Config{
		Path: c.Path, Secrets: secrets, Spool: r.spool, MostBody: int64(c.MaxBodyBytes), Log: a.log,
		Received: r.metrics.Received, Refused: r.metrics.Refused,
	})
	scheme := "http"
	l = netutil.LimitListener(l, mostReceiving)
	if encrypted != nil {
		l, scheme = tls.NewListener(l, encrypted), "https"
	}
	r.server = &http.Server{
		Handler: r.handler, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	go func() { r.ended <- r.server.Serve(l) }()
	a.log.Info("receiving", "url", scheme+"://"+l.Addr().String()+c.Path, "folder", c.Spool)
	return r, nil
}

func (a *app) openSpool(c *config.Receive, m *telemetry.Receiving) (*spool.Spool, error) {
	s, err := spool.Open(spool.Config{
		Dir: c.Spool, MaxBytes: int64(c.MaxBytes), MinFree: int64(c.MinFree), RotateBytes: int64(c.RotateBytes), RotateEvery: c.RotateEvery, Synced: m.Synced, Log: a.log,
	})
	if errors.Is(err, spool.ErrLocked) {
		return nil, &failure{impactsync.ExitLocked, fmt.Errorf("receive: %w", err), "impactsync daemon receives as well, unless it has --no-receive: let one of them do it"}
	}
	return s, err
}

// stop answers what is under way, and completes the spool's file.
func (r *receiver) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(r.server.Shutdown(ctx), r.spool.Close())
}

func spooled(s *spool.Spool) telemetry.Spooled {
	r := s.Room()
	return telemetry.Spooled{Files: int64(r.Files), Bytes: r.Bytes, Free: r.Free, Oldest: r.Oldest}
}
