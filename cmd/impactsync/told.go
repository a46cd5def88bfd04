package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	settled "github.com/impactsync/impactsync/sync/told"
	"github.com/spf13/cobra"
)

func (a *app) toldCommand() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "told",
		Short: "Make, show or drop the tables of what impact.com was told in a warehouse",
		Long: `Look after the tables in which sources with diff: warehouse keep what impact.com was
told and is settled. The first run makes them.` + exits("done", exitFailLine, exitLockLine, exitStateLine, exitUsageLine),
	})
	c.AddCommand(a.toldCreate(), a.toldShow(), a.toldDrop())
	return c
}

// elsewhere opens the tables of the configuration and runs fn. If only looking, nothing is
// made, and no lease is taken. Only who has the state's lock may wait for the lease of a
// process that died.
func (a *app) elsewhere(ctx context.Context, c *config.Config, db *state.DB, look, locked bool, fn func(*impactsync.Elsewhere) error) (err error) {
	if err := allNamed(ctx, c, db); err != nil {
		return err
	}
	all, err := openPlaces(c)
	if err != nil {
		return err
	}
	defer func() {
		for _, at := range all {
			err = errors.Join(err, at.Table.Close())
		}
	}()
	e := &impactsync.Elsewhere{State: db, Places: all}
	if locked {
		e.Waits = impactsync.WaitsFor(a.log)
	}
	defer func() { err = errors.Join(err, e.Close(ctx)) }()
	var down error
	err = e.Open(ctx, look, func(_ *impactsync.Place, err error) { down = errors.Join(down, err) })
	if err := errors.Join(err, down); err != nil {
		return err
	}
	return fn(e)
}

// allNamed returns an error if what is settled of some trait is in a schema that the
// configuration does not name: it would be overlooked.
func allNamed(ctx context.Context, c *config.Config, db *state.DB) error {
	tables, err := db.Tables(ctx)
	maps.DeleteFunc(tables, func(_ string, t state.ToldTable) bool {
		return slices.ContainsFunc(c.Sources, func(s config.Source) bool { return s.Diff == config.DiffWarehouse && s.ToldSchema == t.Place })
	})
	for _, t := range tables {
		return usage("set diff and toldSchema as they were; impactsync state move --to local then brings it home", "what impact.com was told of %s is in a warehouse's schema %s, and no source of the configuration names it", traitsText(tables), t.Place)
	}
	return err
}

// keptElsewhere reports whether what is settled of some trait is in a warehouse.
func keptElsewhere(ctx context.Context, db *state.DB) (map[string]state.ToldTable, bool, error) {
	tables, err := db.Tables(ctx)
	return tables, len(tables) > 0, err
}

func (a *app) toldCreate() *cobra.Command {
	var lost bool
	c := &cobra.Command{
		Use:   "create",
		Short: "Make the tables in the schemas that toldSchema names",
		Long: `Make the tables in the schemas that toldSchema names. The first run does so by itself.

Tables that were dropped or emptied are not made anew without --lost, for nobody knows any
more what impact.com was told: the next run sends everybody who is on a list again, and
whoever left it meanwhile is never told. To send nothing again, run impactsync adopt KEY
for each list then. Look first whether the warehouse can bring the tables back, such as by
its time travel.` + exits("made, or there already", exitFailLine, exitLockLine, exitStateLine, exitUsageLine),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withTold(c.Context(), func(ctx context.Context, cfg *config.Config, db *state.DB) error {
				var gone int64
				if lost {
					var err error
					if gone, err = a.giveUp(ctx, cfg, db); err != nil {
						return err
					}
				}
				return a.elsewhere(ctx, cfg, db, false, true, func(e *impactsync.Elsewhere) error {
					var names []string
					for _, at := range e.Places {
						names = append(names, at.Table.Objects()...)
					}
					return a.result(map[string]any{"objects": names, "lost": gone}, nil, func(w io.Writer) {
						for _, name := range names {
							fmt.Fprintln(w, name)
						}
						if gone > 0 {
							fmt.Fprintf(w, "%s lost: the next run sends everybody on a list again of whom nothing is left; adopt KEY sends nothing\n", count(gone, "value"))
						}
					})
				})
			})
		},
	}
	c.Flags().BoolVar(&lost, "lost", false, "give up what tables that were dropped or emptied had")
	return c
}

// giveUp takes as lost what tables had that are gone.
func (a *app) giveUp(ctx context.Context, cfg *config.Config, db *state.DB) (lost int64, err error) {
	err = a.elsewhere(ctx, cfg, db, true, true, func(*impactsync.Elsewhere) error { return nil })
	if !errors.Is(err, settled.ErrGone) {
		return 0, err
	}
	all, err := openPlaces(cfg)
	if err != nil {
		return 0, err
	}
	for _, at := range all {
		n, failed := giveUpOne(ctx, db, at)
		lost += n
		err = errors.Join(err, failed, at.Table.Close())
	}
	return lost, err
}

// giveUpOne makes what is missing of a place, and then takes as lost what it has not.
func giveUpOne(ctx context.Context, db *state.DB, at *impactsync.Place) (int64, error) {
	one := &impactsync.Elsewhere{State: db, Places: []*impactsync.Place{at}}
	err := one.Open(ctx, true, func(*impactsync.Place, error) {})
	if !errors.Is(err, settled.ErrGone) {
		return 0, err
	}
	id, destination, err := db.Owner(ctx)
	if err != nil {
		return 0, err
	}
	if err := at.Table.Create(ctx, settled.Owner{StoreID: id, Destination: destination}); err != nil {
		return 0, err
	}
	counts, err := at.Table.Counts(ctx)
	if err != nil {
		return 0, err
	}
	all, told := map[string]int64{}, map[string]int64{}
	for key, n := range counts {
		all[key], told[key] = n.Rows, n.Told
	}
	return db.Rewrite(ctx, at.Name, all, told)
}

// withTold runs fn on the locked state, with a configuration that has tables.
func (a *app) withTold(ctx context.Context, fn func(context.Context, *config.Config, *state.DB) error) error {
	ctx, stop := withSignals(ctx)
	defer stop()
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if !keepsTold(cfg) {
		return usage("set it for a source of kind warehouse, with toldSchema", "no source has diff: warehouse")
	}
	return a.holding(cfg, func() error {
		return a.opened(ctx, cfg, state.Options{Create: true, Binding: binding(cfg)}, func(db *state.DB) error {
			return impactsync.Cause(ctx, fn(ctx, cfg, db))
		})
	})
}

// keepsTold reports whether some source has diff: warehouse.
func keepsTold(c *config.Config) bool {
	return slices.ContainsFunc(c.Sources, func(s config.Source) bool { return s.Diff == config.DiffWarehouse })
}

// toldShown is what there is of a trait.
type toldShown struct {
	Trait  string `json:"trait"`
	Schema string `json:"schema"`
	Rows   int64  `json:"rows"` // of the table
	Told   int64  `json:"told"` // of them, those that are not false
	Away   int64  `json:"away"` // of them, those that are only there
}

func (a *app) toldShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show the tables, and how much they have of each trait",
		Long:  "Show the tables that impactsync made in warehouses, and how much they have of each trait." + exits("shown", exitFailLine, exitStateLine, exitUsageLine),
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			return a.opened(c.Context(), cfg, state.Options{ReadOnly: true}, func(db *state.DB) error {
				return a.elsewhere(c.Context(), cfg, db, true, false, func(e *impactsync.Elsewhere) error { return a.showTold(c.Context(), db, e) })
			})
		},
	}
}

func (a *app) showTold(ctx context.Context, db *state.DB, e *impactsync.Elsewhere) error {
	tables, err := db.Tables(ctx)
	if err != nil {
		return err
	}
	v := struct {
		Objects []string    `json:"objects"`
		Traits  []toldShown `json:"traits"`
	}{[]string{}, []toldShown{}}
	for _, at := range e.Places {
		if e.There(at) {
			v.Objects = append(v.Objects, at.Table.Objects()...)
		}
		counts, err := e.Counts(ctx, at)
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(tables)) {
			if tables[key].Place == at.Name {
				v.Traits = append(v.Traits, toldShown{key, at.Name, counts[key].Rows, counts[key].Told, tables[key].Away})
			}
		}
	}
	return a.result(v, nil, func(w io.Writer) {
		if len(v.Objects) == 0 {
			fmt.Fprintln(w, "There are no tables; the next run makes them.")
			return
		}
		for _, name := range v.Objects {
			fmt.Fprintln(w, name)
		}
		table(w, func(w io.Writer) {
			row(w, "trait", "schema", "rows", "told", "only there")
			for _, t := range v.Traits {
				row(w, t.Trait, t.Schema, fmt.Sprint(t.Rows), fmt.Sprint(t.Told), fmt.Sprint(t.Away))
			}
		})
	})
}

func (a *app) toldDrop() *cobra.Command {
	return &cobra.Command{
		Use:   "drop",
		Short: "Drop the tables that impactsync made, once nothing is kept there",
		Long: `Drop the tables that impactsync made in the schemas that toldSchema names. What they
have is moved into the state first, with impactsync state move --to local; otherwise nothing
is dropped. The schemas stay.` + exits("dropped", exitFailLine, exitLockLine, exitStateLine, exitUsageLine),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withTold(c.Context(), func(ctx context.Context, cfg *config.Config, db *state.DB) error {
				if tables, any, err := keptElsewhere(ctx, db); err != nil || any {
					return errors.Join(err, usageIf(any, "impactsync state move --to local brings them home", "the tables are in use for %s", traitsText(tables)))
				}
				var names []string
				err := a.elsewhere(ctx, cfg, db, true, true, func(e *impactsync.Elsewhere) error {
					for _, at := range e.Places {
						if err := at.Table.Drop(ctx); err != nil {
							return err
						}
						names = append(names, at.Table.Objects()...)
					}
					return nil
				})
				return a.result(map[string][]string{"dropped": names}, err, func(w io.Writer) {
					for _, name := range names {
						fmt.Fprintf(w, "%s: dropped\n", name)
					}
				})
			})
		},
	}
}

func usageIf(is bool, hint, format string, args ...any) error {
	if !is {
		return nil
	}
	return usage(hint, format, args...)
}

// traitsText names traits for people.
func traitsText(tables map[string]state.ToldTable) string {
	keys := slices.Sorted(maps.Keys(tables))
	const most = 5
	if len(keys) > most {
		return fmt.Sprintf("%v and %d more", keys[:most], len(keys)-most)
	}
	return fmt.Sprint(keys)
}

func (a *app) stateMove() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:   "move --to warehouse|local",
		Short: "Move what impact.com was told of lists into their warehouse, or back",
		Long: `Move what impact.com was told, and is settled, of the lists of sources with
diff: warehouse: into the warehouse, or back into the state. To move it there, set diff and
toldSchema first. To move it back, run this first, and then set diff: local.

It can be repeated after it was cut short, and changes nothing of what is sent.` + exits("moved", exitFailLine, exitLockLine, exitStateLine, exitUsageLine),
		Example: `  impactsync state move --to warehouse
  impactsync state move --to local`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if to != "warehouse" && to != "local" {
				return usage("", "--to %q: want warehouse or local", to)
			}
			return a.withTold(c.Context(), func(ctx context.Context, cfg *config.Config, db *state.DB) error {
				return a.elsewhere(ctx, cfg, db, false, true, func(e *impactsync.Elsewhere) error {
					move := e.MoveHere
					if to == "warehouse" {
						fedBy, err := db.ListSources(ctx)
						if err != nil {
							return err
						}
						move = func(ctx context.Context) (impactsync.Moved, error) { return e.MoveThere(ctx, placesOf(cfg, fedBy)) }
					}
					moved, err := move(ctx)
					return a.result(moved, err, func(w io.Writer) { writeMoved(w, moved, to) })
				})
			})
		},
	}
	c.Flags().StringVar(&to, "to", "", "warehouse or local")
	return c
}

func writeMoved(w io.Writer, moved impactsync.Moved, to string) {
	for _, key := range slices.Sorted(maps.Keys(moved.Values)) {
		fmt.Fprintf(w, "%s: %s moved\n", key, count(moved.Values[key], "value"))
	}
	left := "that were still only in the state: moved"
	if to == "local" {
		left = "that a move left in the warehouse when it was cut short: removed there"
	}
	for _, key := range slices.Sorted(maps.Keys(moved.Finished)) {
		fmt.Fprintf(w, "%s: %s %s\n", key, count(moved.Finished[key], "value"), left)
	}
	if len(moved.Values)+len(moved.Finished) == 0 {
		fmt.Fprintln(w, "Nothing is to be moved.")
	}
}

// placesOf returns the schemas that the configuration names, by trait key. With audiences:
// all, the keys are those that lists of the source fed.
func placesOf(c *config.Config, fedBy map[string]string) map[string]string {
	byKey := map[string]string{}
	for _, s := range c.Sources {
		if s.Diff != config.DiffWarehouse {
			continue
		}
		for _, t := range s.Audiences {
			byKey[t.Key] = s.ToldSchema
		}
		if s.AllAudiences {
			for key, source := range fedBy {
				if source == s.Name {
					byKey[key] = s.ToldSchema
				}
			}
		}
	}
	return byKey
}
