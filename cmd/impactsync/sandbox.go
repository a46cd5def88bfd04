package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/sync/segmentapi/standin"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (a *app) sandboxCommand() *cobra.Command {
	var (
		config        sandbox.Config
		listen, limit string
		segment       string
	)
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Run a local stand-in for impact.com",
		Long: `Stand in for impact.com, which has no test system: page loads, conversions,
submissions, actions and their updates, modifications, reversals, files, company
information and campaigns, held to impact.com's documents, both hosts on one port,
with a log of all calls and faults on demand. It needs no configuration file.

A conversion with a click id or a media id becomes an action, and so does a share
of the others, by --partner-share. The other shares are of these orders; together
they are at most 1, and each order fares in one way at most.

It prints "listening on http://ADDRESS" on stdout when it is ready, and ends with
SIGINT or SIGTERM.` + exits("stopped by a signal", "1   the address or the log cannot be used", exitUsageLine),
		Example: `  impactsync sandbox --listen 127.0.0.1:8090 --log calls.ndjson
  impactsync sandbox --error-rate 0.01 --reset-after 0.01 --rate-limit 1000/h --seed 1
  impactsync sandbox --partner-share 0.4 --twice-share 0.01 --settle-after 4m --action-after 5m --speed 60`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if config.RateLimit, err = sandbox.ParseLimit(limit); err != nil {
				return usage("", "--rate-limit: %w", err)
			}
			if err := badShare(c.Flags()); err != nil {
				return err
			}
			if segment != "" {
				file := standin.File(segment)
				if err := file.Check(); err != nil {
					return usage("docs/segment-api.md shows such a file", "--segment: %w", err)
				}
				config.Segment = file
			}
			return a.sandbox(c, config, listen)
		},
	}
	f := c.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:8090", "address and port; port 0 picks one")
	f.StringVar(&config.LogFile, "log", "", "append every accepted request to this `file`, one JSON line each")
	f.StringVar(&segment, "segment", "", "stand in for Segment's Public API and Profile API, too, with the space in this JSON `file`, which may be edited meanwhile")
	f.StringVar(&limit, "rate-limit", "", "rate limit of the API host, such as 1000/h; default none")
	f.StringVar(&config.AccountSID, "account-sid", "", "the only account accepted, with --auth-token; default any")
	f.StringVar(&config.AuthToken, "auth-token", "", "the only auth token accepted, with --account-sid; default any")
	f.StringSliceVar(&config.Campaigns, "campaign", nil, "programs of the account (repeatable); default any")
	f.StringSliceVar(&config.Forbidden, "forbidden", nil, "resources that the token may not use, such as Actions (repeatable)")
	f.StringVar(&config.DropDir, "drop-dir", "", "`folder` from which files of conversions are picked up")
	f.StringVar(&config.Currency, "currency", "USD", "currency of the account")
	f.StringToStringVar(&config.Rates, "rate", nil, "what another currency is worth in it, such as EUR=1.08 (repeatable); others are kept")
	f.StringSliceVar(&config.OpenEnded, "open-ended", nil, "event types whose actions lock when an order is updated (repeatable)")
	f.StringSliceVar(&config.Dispositions, "disposition", nil, "disposition codes of the account's own (repeatable)")
	f.IntVar(&config.PageSize, "page-size", 0, "largest page of a list, below impact.com's 20,000")
	f.BoolVar(&config.NumbersAsText, "numbers-as-text", false, "write ids and amounts of actions as JSON texts")
	f.Uint64Var(&config.Seed, "seed", 1, "seed that decides which requests fail, and what becomes of which orders")
	addTimes(f, &config)
	addShares(f, &config)
	return c
}

// addTimes adds how long things take.
func addTimes(f *pflag.FlagSet, config *sandbox.Config) {
	f.DurationVar(&config.Latency, "latency", 0, "time between accepting a request and answering it, such as 30ms")
	f.DurationVar(&config.SettleAfter, "settle-after", 0, "time until a submission is processed")
	f.DurationVar(&config.ActionAfter, "action-after", 0, "time from then until the action is there")
	f.DurationVar(&config.LockAfter, "lock-after", 0, "time from an event until its action locks; default 27 days")
	f.DurationVar(&config.LateAfter, "late-after", 0, "age from which an event gets the date of its report; default never")
	f.DurationVar(&config.ConsentAfter, "consent-after", 0, "time that partners take to consent to a change; default for ever")
	f.DurationVar(&config.ReattributeAfter, "reattribute-after", 0, "time from an action to its re-attribution; at least 1s")
	f.DurationVar(&config.PickUpAfter, "pick-up-after", 0, "time until a file is listed")
	f.Float64Var(&config.Speed, "speed", 1, "how many times as fast these times pass, except --latency")
}

// addShares adds the shares of requests that fail, and of orders that fare in one way
// or another.
func addShares(f *pflag.FlagSet, config *sandbox.Config) {
	for _, one := range []struct {
		share       *float64
		name, usage string
	}{
		{&config.ErrorRate, "error-rate", "share of requests answered with 503 and not accepted, 0 to 1"},
		{&config.ResetBefore, "reset-before", "share of connections dropped before the request is read"},
		{&config.ResetAfter, "reset-after", "share of requests accepted, then dropped before the answer"},
		{&config.ResetMidway, "reset-midway", "share of requests accepted, then dropped in the middle of the answer"},
		{&config.PartnerShare, "partner-share", "share of orders without a click id or media id that a partner gets"},
		{&config.RefusedShare, "refused-share", "share of partners' orders that end as CONTRACT_NOT_FOUND"},
		{&config.TwiceShare, "twice-share", "share of them that become two actions"},
		{&config.ReattributedShare, "reattributed-share", "share of them that another partner gets later"},
		{&config.OtherAmountShare, "other-amount-share", "share of them that are booked with another amount"},
		{&config.ConsentShare, "consent-share", "share of them whose changes wait for the partner's consent"},
	} {
		f.Float64Var(one.share, one.name, 0, one.usage)
	}
}

// badShare returns an error for a share that is none.
func badShare(f *pflag.FlagSet) (err error) {
	f.VisitAll(func(one *pflag.Flag) {
		if !strings.HasSuffix(one.Name, "-share") && !strings.HasSuffix(one.Name, "-rate") && !strings.HasPrefix(one.Name, "reset-") {
			return
		}
		if share, _ := f.GetFloat64(one.Name); !(share >= 0 && share <= 1) {
			err = usage("", "--%s must be between 0 and 1", one.Name)
		}
	})
	return err
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
