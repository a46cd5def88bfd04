package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/net/netutil"
)

func (a *app) daemonCommand() *cobra.Command {
	var listen string
	var n narrow
	var alone bool
	c := &cobra.Command{
		Use:   "daemon",
		Short: "Run on the configuration's schedule",
		Long: `Run on the schedule of the configuration (schedule, timeZone), one run at a time: what
is scheduled during a run is skipped. Each run reads the configuration again, so new
credentials take effect; schedule and time zone are fixed until a restart. The state is
locked only during a run.

With receive in the configuration, it takes messages of Segment's webhooks as well.

/healthz answers 200, or 503 with the reason while a run hangs: no sign of life for 30
minutes, or 2 minutes past its deadline. /metrics is for Prometheus. The exit code of
each run is in the log, in the metrics and in impactsync status.

SIGTERM and SIGINT stop in good order: requests under way are finished and recorded.` +
			exits("stopped by a signal", "1   the address cannot be used", exitUsageLine),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.daemon(c.Context(), listen, n, !alone) },
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:9090", "address and port of /healthz and /metrics; port 0 picks one")
	c.Flags().DurationVar(&n.deadline, "deadline", 0, "stop each run in good order after this long, such as 100m")
	c.Flags().BoolVar(&alone, "no-receive", false, "leave webhooks to impactsync receive")
	return c
}

func (a *app) daemon(ctx context.Context, listen string, n narrow, receives bool) error {
	cfg, err := a.daemonConfig()
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err != nil {
		return usage("an IANA name such as Europe/Berlin", "timeZone: %w", err)
	}
	w := a.newExhibit(ctx, cfg)
	d, err := daemon.New(daemon.Config{
		Schedule: cfg.Schedule, Location: zone, Log: a.log, Level: levelOf,
		Run: func(ctx context.Context) error { return a.round(ctx, n, w) },
	})
	if err != nil {
		return usage("", "%w", err)
	}
	a.next = d.Next
	ctx, stop := withSignals(ctx)
	defer stop()
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	stopReceiving := func() error { return nil }
	if receives && cfg.Receive != nil {
		if ctx, stopReceiving, err = a.receiveBeside(ctx, cfg.Receive, w.of(cfg)); err != nil {
			return errors.Join(err, l.Close())
		}
	}
	wait := a.serve(ctx, l, handler(w), 10*time.Second)
	d.Run(ctx)
	return errors.Join(stopReceiving(), wait())
}

// levelOf returns how bad it is that a run did not end with 0: the codes up to 5, but 1,
// are of runs that did what they could.
func levelOf(err error) slog.Level {
	switch impactsync.ExitCode(err) {
	case impactsync.ExitUnfinished, impactsync.ExitInterrupted: // the next run goes on
		return slog.LevelInfo
	case impactsync.ExitRefused, impactsync.ExitHeld: // somebody has to look
		return slog.LevelWarn
	}
	return slog.LevelError
}

// scheduled is a run of the daemon.
func (a *app) scheduled(ctx context.Context, n narrow, metrics *telemetry.Metrics) error {
	a.pulse.Begin(n.deadline)
	report, err := a.run(ctx, n)
	a.pulse.End()
	err = outcome(report, err)
	code := impactsync.ExitCode(err)
	metrics.Ran(report, code, time.Now())
	e := &ending{report: report, err: err, exit: code}
	if code == impactsync.ExitUnfinished {
		e.exit = impactsync.ExitOK // the next run goes on
	}
	a.tell(ctx, metrics, e)
	counts := report.Counts
	a.log.Info("run ended", "run", report.Run, "exit_code", code, "found", counts["found"], "delivered", counts["delivered"],
		"refused", counts["refused"], "rejected", counts["rejected"], "held", report.Held(), "due", report.Open(), "seconds", report.Seconds, "hint", a.here(hintFor(err)))
	return err
}

func handler(watch *exhibit) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := watch.check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", watch)
	return mux
}

// mostConnections is how many connections the daemon accepts at a time. More would
// use up the open files that a run needs.
const mostConnections = 32

// serve serves requests until stop is called. An answer may take as long as most.
func (a *app) serve(ctx context.Context, l net.Listener, h http.Handler, most time.Duration) (stop func() error) {
	l = netutil.LimitListener(l, mostConnections)
	server := &http.Server{
		Handler: h, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: most, IdleTimeout: 10 * time.Second,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	a.log.Info("listening", "url", "http://"+l.Addr().String())
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err := server.Shutdown(ctx)
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}
}
