package main

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/spf13/cobra"
)

func (a *app) sandboxCommand() *cobra.Command {
	var (
		config        sandbox.Config
		listen, limit string
	)
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Run a local stand-in for impact.com",
		Long: `Stand in for impact.com, which has no test system: page loads, conversions,
submissions, actions and their updates, modifications, reversals, company
information and campaigns, held to impact.com's documents, both hosts on one port,
with a log of all calls and faults on demand. It needs no configuration file.

A conversion with a click id or a media id becomes an action, and so does a share
of the others, by --partner-share.

It prints "listening on http://ADDRESS" on stdout when it is ready, and ends with
SIGINT or SIGTERM.` + exits("stopped by a signal", "1   the address or the log cannot be used", exitUsageLine),
		Example: `  impactsync sandbox --listen 127.0.0.1:8090 --log calls.ndjson
  impactsync sandbox --error-rate 0.01 --reset-after 0.01 --rate-limit 1000/h --seed 1`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if config.RateLimit, err = sandbox.ParseLimit(limit); err != nil {
				return usage("", "--rate-limit: %w", err)
			}
			for name, rate := range map[string]float64{"error-rate": config.ErrorRate, "reset-before": config.ResetBefore, "reset-after": config.ResetAfter, "partner-share": config.PartnerShare} {
				if rate < 0 || rate > 1 {
					return usage("", "--%s must be between 0 and 1", name)
				}
			}
			return a.sandbox(c, config, listen)
		},
	}
	f := c.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:8090", "address and port; port 0 picks one")
	f.StringVar(&config.LogFile, "log", "", "append every accepted request to this `file`, one JSON line each")
	f.DurationVar(&config.Latency, "latency", 0, "time between accepting a request and answering it, such as 30ms")
	f.Float64Var(&config.ErrorRate, "error-rate", 0, "share of requests answered with 503 and not accepted, 0 to 1")
	f.Float64Var(&config.ResetBefore, "reset-before", 0, "share of connections dropped before the request is read")
	f.Float64Var(&config.ResetAfter, "reset-after", 0, "share of requests accepted, then dropped before the answer")
	f.StringVar(&limit, "rate-limit", "", "rate limit of the API host, such as 1000/h; default none")
	f.StringVar(&config.AccountSID, "account-sid", "", "the only account accepted, with --auth-token; default any")
	f.StringVar(&config.AuthToken, "auth-token", "", "the only auth token accepted, with --account-sid; default any")
	f.StringSliceVar(&config.Campaigns, "campaign", nil, "programs of the account (repeatable); default any")
	f.Float64Var(&config.PartnerShare, "partner-share", 0, "share of orders without a click id or media id that a partner gets, 0 to 1")
	f.DurationVar(&config.SettleAfter, "settle-after", 0, "time until a submission is processed")
	f.DurationVar(&config.ActionAfter, "action-after", 0, "time from then until the action is there")
	f.DurationVar(&config.LockAfter, "lock-after", 0, "time from an event until its action locks; default 27 days")
	f.StringVar(&config.Currency, "currency", "USD", "currency of the account")
	f.StringToStringVar(&config.Rates, "rate", nil, "what another currency is worth in it, such as EUR=1.08 (repeatable); others are kept")
	f.StringSliceVar(&config.Forbidden, "forbidden", nil, "resources that the token may not use, such as Actions (repeatable)")
	f.IntVar(&config.PageSize, "page-size", 0, "largest page of a list, below impact.com's 20,000")
	f.Uint64Var(&config.Seed, "seed", 1, "seed that decides which requests fail and which orders a partner gets")
	return c
}

func (a *app) sandbox(c *cobra.Command, config sandbox.Config, listen string) error {
	s, err := sandbox.New(config)
	if err != nil {
		return fmt.Errorf("start the sandbox: %w", err)
	}
	ctx, stop := withSignals(c.Context())
	defer stop()
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", listen)
	if err != nil {
		return errors.Join(fmt.Errorf("start the sandbox: %w", err), s.Close())
	}
	fmt.Fprintf(a.stdout, "listening on http://%s\n", l.Addr())
	a.log.Info("sandbox", "address", l.Addr().String(), "log", config.LogFile, "latency", config.Latency.Round(time.Millisecond).String())
	return errors.Join(s.Serve(ctx, l), s.Close())
}
