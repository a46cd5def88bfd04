package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/audit"
	"github.com/impactsync/impactsync/sync/catalogue"
	"github.com/impactsync/impactsync/sync/segmentapi"
)

func (a *app) auditCommand() *cobra.Command {
	var q auditing
	c := &cobra.Command{
		Use:   "audit",
		Short: "Compare a random sample of people with what Segment says of them now",
		Long: `Draw a random sample of the people who are known, ask Segment's Profile API
(segment.profileToken) for their audiences and computed traits, and report the share of
whom everything agrees with what is wanted here, with its 95 % confidence interval
(Wilson). Nothing is stored or sent.

People are asked for by user id, else by anonymous id. Those known by the SHA-1 of an
e-mail address alone cannot be looked up and are left out. A person whom Segment does not
know agrees if nothing is wanted here. What changed in Segment after the last input was
written shows as a difference: audit soon after a run with fresh inputs.` +
			exits("the share is at least segment.minAgreement", "1   Segment does not answer or refuses the token, or there is no state yet", "3   the share is smaller", exitReadLine, exitUsageLine),
		Example: `  impactsync audit --sample 500
  impactsync audit --sample 500 --seed 7 --with-ids --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if q.sample < 1 || q.sample > mostSampled {
				return usage("", "--sample must be between 1 and %d", mostSampled)
			}
			if !c.Flags().Changed("seed") {
				q.seed = rand.Int64N(1_000_000) // it is shown, so that the sample can be repeated
			}
			ctx, stop := withSignals(c.Context())
			defer stop()
			cfg, err := a.load()
			if err != nil {
				return err
			}
			return a.audit(ctx, cfg, q)
		},
	}
	c.Flags().IntVar(&q.sample, "sample", 500, "how many `people`")
	c.Flags().Int64Var(&q.seed, "seed", 0, "draw the same people as with this seed before, of the same state; default random")
	c.Flags().BoolVar(&q.ids, "with-ids", false, "show ids of people, too")
	return c
}

// mostSampled bounds a sample: a larger one takes hours of the space's limit.
const mostSampled = 100_000

// mostDiffering is how many people who differ the text shows; --json has all.
const mostDiffering = 20

type auditing struct {
	sample int
	seed   int64
	ids    bool
}

func (a *app) audit(ctx context.Context, c *config.Config, q auditing) error {
	api, err := profileAPI(c)
	if err != nil {
		return err
	}
	var r audit.Result
	err = a.opened(ctx, c, state.Options{ReadOnly: true}, func(db *state.DB) error {
		scope, err := auditScope(ctx, c, db)
		if err != nil {
			return err
		}
		people, of, nameless, err := db.SamplePeople(ctx, q.sample, q.seed)
		if err != nil {
			return err
		}
		if r, err = audit.Sample(ctx, api, scope, people, c.Segment.ProfilesPerSecond); err != nil {
			return asked(ctx, err)
		}
		r.People, r.LeftOut, r.Seed = of, nameless, q.seed
		return nil
	})
	if err != nil {
		return err
	}
	if !q.ids {
		for i := range r.Differ {
			r.Differ[i].ID = ""
		}
	}
	if err := a.result(r, nil, func(w io.Writer) { writeAudit(w, &r) }); err != nil {
		return err
	}
	if least := c.Segment.Agreement(); r.Sampled > 0 && r.Share < least {
		return &failure{impactsync.ExitRefused, fmt.Errorf("%.1f %% agree, less than segment.minAgreement (%g %%)", 100*r.Share, 100*least), "impactsync explain --live USER shows one of them; --with-ids names them"}
	}
	return nil
}

// asked gives an error of the Profile API its hint.
func asked(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return impactsync.Cause(ctx, err)
	}
	hint := "nothing was changed; try again later"
	if segmentapi.Refused(err) {
		hint = "segment.profileToken is not an access token of the space, or the workspace is in another region (segment.region)"
	}
	return &failure{impactsync.ExitFailed, err, hint}
}

// auditScope returns the traits that can be compared: those that Segment has, as far as
// that is known.
func auditScope(ctx context.Context, c *config.Config, db *state.DB) (s audit.Scope, err error) {
	feeds, err := db.TraitFeeds(ctx)
	if err != nil {
		return s, err
	}
	known := catalogue.New(catalogue.Config{Keys: segmentKeys(c)})
	if err := known.Load(ctx, db, time.Now()); err != nil {
		return s, err
	}
	s = audit.Scope{Traits: map[string]state.Class{}, Unchecked: c.Segment.Unchecked, Keys: known.Keys}
	for key, feed := range feeds {
		if known.Has(key, feed.Class) {
			s.Traits[key] = feed.Class
		}
	}
	return s, nil
}

func writeAudit(w io.Writer, r *audit.Result) {
	if r.Sampled == 0 {
		fmt.Fprintln(w, "Nobody is known who has a user id or an anonymous id.")
		return
	}
	fmt.Fprintf(w, "%d of %d people agree with Segment: %.1f %% (95 %% confidence: %.1f to %.1f %%)\n", r.Agree, r.Sampled, 100*r.Share, 100*r.Low, 100*r.High)
	fmt.Fprintf(w, "drawn of %s with --seed %d; Segment does not know %d of them\n", humanize.Comma(r.People), r.Seed, r.Unknown)
	if r.LeftOut > 0 {
		fmt.Fprintf(w, "%s known by the SHA-1 of an e-mail address alone cannot be looked up and are left out\n", humanize.Comma(r.LeftOut))
	}
	n := min(len(r.Differ), mostDiffering)
	list(w, fmt.Sprintf("\nPeople who differ (%d of %d):", n, len(r.Differ)), []any{"PERSON", "DIFFERENCE"}, r.Differ[:n], func(p audit.Person) []any {
		who := orDash(plain(p.ID))
		return []any{who, differenceText(p)}
	})
}

func differenceText(p audit.Person) (text string) {
	for i, d := range p.Differences {
		if i > 0 {
			text += "; "
		}
		text += fmt.Sprintf("%s: wanted %s, Segment %s", d.Key, valueText(d.Held), valueText(d.Segment))
	}
	if p.Unknown {
		text += " (unknown to Segment)"
	}
	return text
}
