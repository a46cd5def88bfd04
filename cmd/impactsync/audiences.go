package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/catalogue"
	"github.com/impactsync/impactsync/sync/segment"
)

func (a *app) audiencesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "audiences",
		Short: "List Segment's audiences and computed traits beside what is held of them",
		Long: `List the audiences and computed traits of the space, as Segment's Public API lists them
now (segment.token), beside what is held here: members, how many of them impact.com was
told, and the last list. Also those that are held here and that Segment does not have.

SIZE counts Segment's profiles, MEMBERS the people here, who are told apart by ids: the
two are rarely the same. A key that does not follow from its name is no fault: Segment
keeps the key when somebody edits the name.

Nothing is stored. If Segment does not answer, what it said in the last run is listed.` +
			exits("listed", exitReadLine, exitUsageLine),
		Example: `  impactsync audiences
  impactsync audiences --json | jq '.[] | select(.refused)'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := a.look()
			if err != nil {
				return err
			}
			return a.audiences(c.Context(), cfg)
		},
	}
}

// audienceLine is an audience or a computed trait, in Segment, here, or both.
type audienceLine struct {
	Key       string `json:"key"`
	Class     string `json:"class"`
	Name      string `json:"name,omitempty"`
	ID        string `json:"id,omitempty"`
	InSegment bool   `json:"in_segment"`
	Status    string `json:"status,omitempty"`
	Enabled   *bool  `json:"enabled,omitempty"`
	Size      *int64 `json:"size"` // profiles
	Here      bool   `json:"here"`
	KeyHere   string `json:"key_here,omitempty"` // if it is another
	Source    string `json:"source,omitempty"`
	Members   int64  `json:"members"`
	Told      int64  `json:"told"`
	LastList  string `json:"last_list_at,omitempty"`
	Refused   string `json:"refused,omitempty"`
	Expected  string `json:"expected_key,omitempty"` // if the name gives another key
	Distance  string `json:"distance,omitempty"`
}

func (a *app) audiences(ctx context.Context, c *config.Config) error {
	known := segmentCatalogue(c)
	if known == nil {
		known = catalogue.New(catalogue.Config{Accepted: c.Segment.AcceptStatuses, Unchecked: c.Segment.Unchecked, Far: c.Segment.Share(), Keep: c.Segment.KeepFor, Keys: segmentKeys(c)})
		a.log.Warn("Segment is not asked: segment.token is not set", "hint", "docs/segment-api.md")
	}
	var lines []audienceLine
	list := func(db *state.DB) error {
		unread, err := known.Look(ctx, db, time.Now())
		for _, why := range unread {
			a.log.Warn("Segment cannot be asked; what it said last is listed", "error", why, "hint", catalogue.Hint(why))
		}
		if err != nil {
			return err
		}
		lines, err = audienceLines(ctx, known, db)
		return err
	}
	err := a.opened(ctx, c, state.Options{ReadOnly: true}, list)
	if errors.Is(err, state.ErrMissing) {
		err = list(nil)
	}
	return a.result(lines, err, func(w io.Writer) { writeAudienceLines(w, lines) })
}

// audienceLines returns what Segment has and what is held, by key.
func audienceLines(ctx context.Context, known *catalogue.Catalogue, db *state.DB) ([]audienceLine, error) {
	held := map[string]state.AudienceStatus{} // by Segment's key
	if db != nil {
		s, err := db.Status(ctx, 0)
		if err != nil {
			return nil, err
		}
		for _, one := range s.Audiences {
			held[known.SegmentKey(one.Key)] = one
		}
	}
	lines := []audienceLine{}
	for _, one := range known.All() {
		l := audienceLine{Key: one.Key, Class: string(one.Class), Name: one.Name, ID: one.ID, InSegment: true, Status: one.Status, Enabled: &one.Enabled, Size: one.Size}
		if expected := segment.TraitKey(one.Name); expected != one.Key {
			l.Expected = expected
		}
		if t, here := held[one.Key]; here && t.Class == l.Class {
			l.hold(&t)
			delete(held, one.Key)
		}
		lines = append(lines, l)
	}
	for _, t := range held {
		l := audienceLine{Key: t.Key, Class: t.Class, Name: t.Name}
		l.hold(&t)
		lines = append(lines, l)
	}
	for i := range lines {
		l := &lines[i]
		l.Refused = known.Refusal(l.Key, state.Class(l.Class))
		if l.Here {
			l.Distance = known.Distance(l.Key, l.Members)
		}
	}
	slices.SortFunc(lines, func(x, y audienceLine) int { return strings.Compare(x.Key, y.Key) })
	return lines, nil
}

func (l *audienceLine) hold(t *state.AudienceStatus) {
	if t.Key != l.Key {
		l.KeyHere = t.Key
	}
	l.Here, l.Source, l.Members, l.Told, l.LastList = true, t.Source, t.Wanted, t.Delivered, t.LastList
}

// note says what is the matter with an audience.
func (l *audienceLine) note() string {
	var notes []string
	switch {
	case l.Refused != "" && l.Here:
		notes = append(notes, "not applied: "+l.Refused)
	case l.Refused != "":
		notes = append(notes, l.Refused)
	}
	if !l.Here {
		notes = append(notes, "not held here")
	}
	if l.KeyHere != "" {
		notes = append(notes, "here "+l.KeyHere)
	}
	if l.Expected != "" {
		notes = append(notes, "its name would give "+l.Expected)
	}
	if l.Distance != "" {
		notes = append(notes, "far from Segment's size")
	}
	return strings.Join(notes, "; ")
}

func writeAudienceLines(w io.Writer, lines []audienceLine) {
	if len(lines) == 0 {
		fmt.Fprintln(w, "No audience, in Segment or here.")
		return
	}
	list(w, "", []any{"KEY", minor("NAME"), "STATUS", "SIZE", "MEMBERS", "TOLD", minor("LAST LIST"), "NOTE"}, lines, func(l audienceLine) []any {
		status, size, members, told := "-", "-", "-", "-"
		if l.InSegment {
			status = orDash(l.Status)
		}
		if l.Size != nil {
			size = humanize.Comma(*l.Size)
		}
		if l.Here {
			members, told = humanize.Comma(l.Members), humanize.Comma(l.Told)
		}
		return []any{l.Key, orDash(l.Name), status, size, members, told, moment(orDash(l.LastList)), l.note()}
	})
	fmt.Fprintln(w, "SIZE counts profiles, MEMBERS people by their ids.")
}
