package told_test

import (
	"crypto/sha1"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/warehouse"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/told"
)

var seeds = flag.Uint64("seeds", 2, "how many random worlds are tried")

func (s subject) create(t *testing.T, table string, columns ...string) {
	s.make(t, table, "("+strings.Join(columns, " "+s.text+", ")+" "+s.text+")")
}

func (s subject) fill(t *testing.T, table string, rows [][]string) {
	texts := make([]string, len(rows))
	for i, row := range rows {
		for j, v := range row {
			if row[j] = "'" + v + "'"; v == "NULL" {
				row[j] = v
			}
		}
		texts[i] = "(" + strings.Join(row, ", ") + ")"
	}
	s.exec(t, "INSERT INTO "+table+" VALUES "+strings.Join(texts, ", "))
}

// world is random people in the tables of some reader, of all the forms that lists have.
type world struct {
	reader string
	make   func(t *testing.T, s subject, r *rand.Rand)
	config func(c *warehouse.Config)
	flat   bool
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

// anyID returns an id, now and then one that is nobody's, or an address.
func anyID(r *rand.Rand, kind string) string {
	switch r.IntN(12) {
	case 0:
		return pick(r, "undefined", "NULL", "", "0", "guest", "x@y.example", "Ann@Example.com")
	case 1:
		return fmt.Sprintf("%s%d@example.com", kind, r.IntN(20))
	}
	return fmt.Sprintf("%s%d", kind, r.IntN(40))
}

func anyMail(r *rand.Rand) string {
	sum := sha1.Sum([]byte("m1@example.com"))
	return pick(r, fmt.Sprintf("m%d@example.com", r.IntN(30)), " M2@Example.com", hex.EncodeToString(sum[:]), strings.ToUpper(hex.EncodeToString(sum[:])), "nobody", "u3@example.com")
}

func anyIDOf(r *rand.Rand) (kind, id string) {
	switch r.IntN(4) {
	case 0:
		return "anonymous_id", anyID(r, "a")
	case 1:
		return "email", anyMail(r)
	}
	return "user_id", anyID(r, "u")
}

var worlds = []world{
	{warehouse.ProfilesSync, func(t *testing.T, s subject, r *rand.Rand) {
		s.create(t, "world.user_traits", "canonical_segment_id", "name", "value", "seq")
		s.create(t, "world.user_identifiers", "canonical_segment_id", "type", "value", "seq")
		s.create(t, "world.profile_merges", "canonical_segment_id", "segment_id")
		var traits, ids, merges [][]string
		for p := range 40 {
			profile := pick(r, fmt.Sprintf("p%d", p), fmt.Sprintf("p%d", p), fmt.Sprintf("p%d", p), "NULL")
			for seq := range 1 + r.IntN(2) {
				traits = append(traits, []string{profile, "vip", pick(r, "true", "true", "false", "NULL", "TRUE", "1", "maybe"), fmt.Sprintf("%02d", seq)},
					[]string{profile, "ltv", pick(r, "1", "2", "NULL", "false", " 3  4 ", "x@y.example"), fmt.Sprintf("%02d", seq)})
			}
			for range r.IntN(4) {
				kind, id := anyIDOf(r)
				ids = append(ids, []string{profile, kind, id, fmt.Sprintf("%02d", r.IntN(3))})
			}
			if r.IntN(8) == 0 {
				merges = append(merges, []string{fmt.Sprintf("p%d", r.IntN(40)), profile})
			}
		}
		s.fill(t, "world.user_traits", traits)
		s.fill(t, "world.user_identifiers", ids)
		s.fill(t, "world.profile_merges", append(merges, []string{"p1", "p1"}))
	}, func(*warehouse.Config) {}, false},
	{warehouse.Engage, func(t *testing.T, s subject, r *rand.Rand) {
		s.create(t, "world.identifies", "id", "user_id", "anonymous_id", "email", "vip", "ltv", "timestamp", "received_at")
		var rows [][]string
		for i := range 120 {
			at := fmt.Sprintf("%02d", r.IntN(50))
			rows = append(rows, []string{fmt.Sprint(i), pick(r, anyID(r, "u"), "NULL"), pick(r, anyID(r, "a"), "NULL"), pick(r, anyMail(r), "NULL"), pick(r, "true", "false", "NULL"), pick(r, "1", "2", "NULL"), at, at})
		}
		s.fill(t, "world.identifies", rows)
	}, func(c *warehouse.Config) { c.From = warehouse.FromIdentifies }, false},
	{warehouse.Query, func(t *testing.T, s subject, r *rand.Rand) {
		s.create(t, "world.people", "customer", "seen", "mail", "vip", "ltv")
		var rows [][]string
		for range 60 {
			rows = append(rows, []string{pick(r, anyID(r, "u"), anyID(r, "u"), "NULL"), pick(r, anyID(r, "a"), "NULL"), pick(r, anyMail(r), "NULL"), pick(r, "true", "false", "t", "NULL"), pick(r, "1", "2", "NULL")})
		}
		s.fill(t, "world.people", rows)
	}, func(c *warehouse.Config) {
		for i := range c.Traits {
			one := &c.Traits[i]
			one.IDs, one.Query = [3]string{"customer", "seen", "mail"}, "SELECT "+one.Key+", mail, customer, seen, 1 AS other FROM world.people -- all"
		}
	}, false},
}

// flat is for engines that do not take the joins of the other readers: a table with a row
// for each id of a profile.
var flat = world{warehouse.Query, func(t *testing.T, s subject, r *rand.Rand) {
	s.create(t, "world.flat", "profile", "vip", "ltv", "kind", "id", "seq")
	var rows [][]string
	for range 120 {
		kind, id := anyIDOf(r)
		rows = append(rows, []string{pick(r, fmt.Sprintf("p%d", r.IntN(40)), fmt.Sprintf("p%d", r.IntN(40)), "NULL", ""), pick(r, "true", "true", "false", "NULL", "maybe"), pick(r, "1", "2", "NULL"),
			pick(r, kind, kind, "NULL", "ga_client_id"), pick(r, id, id, id, "NULL"), pick(r, fmt.Sprint(10+len(rows)), "NULL")})
	}
	s.fill(t, "world.flat", rows)
}, func(c *warehouse.Config) {
	for i := range c.Traits {
		c.Traits[i].Query = "SELECT id AS user_id FROM world.flat"
		if c.Traits[i].Class == segment.ClassComputed {
			c.Traits[i].Query = "SELECT id AS user_id, ltv FROM world.flat"
		}
	}
}, true}

func flatWanted(key string) told.Wanted {
	return told.Wanted{
		Statement: "SELECT profile, " + key + " AS value, kind, id, seq FROM world.flat", Columns: []string{"profile", "value", "kind", "id", "seq"},
		Roles: []told.Role{told.RoleProfile, told.RoleValue, told.RoleKind, told.RoleID, told.RoleIgnored}, Order: []int{4, 1, 2, 3}, Computed: key == "ltv",
	}
}

// enough checks, with random lists, that whoever is not in the difference is told as it
// is wanted, and that nothing else stays told; and that of people with plain ids nothing
// comes over that is settled.
func (s subject) enough(t *testing.T) {
	table := s.leased(t, "difference")
	for seed := range *seeds {
		for _, w := range s.worlds {
			r := rand.New(rand.NewPCG(seed, 1))
			for round := range 2 {
				w.make(t, s, r)
				cfg := warehouse.Config{Name: "dwh", Engine: s.open(t), Reader: w.reader, Schemas: []string{"world"}, Traits: []warehouse.Trait{
					{Key: "vip", Name: "vip", Column: "vip", Class: segment.ClassAudience}, {Key: "ltv", Name: "ltv", Column: "ltv", Class: segment.ClassComputed},
				}}
				w.config(&cfg)
				src, err := warehouse.New(cfg)
				require.NoError(t, err)
				for in, err := range src.Inputs(t.Context(), nil) {
					require.NoError(t, err)
					step(t, table, src, in, w.flat, cfg.Engine, fmt.Sprintf("%s seed %d round %d %s", w.reader, seed, round, in.Key))
				}
				require.NoError(t, src.Close())
			}
		}
	}
}

type wish map[told.Key]map[string]bool // the values that a person is wanted with

func (w wish) take(b source.Batch) error {
	for _, m := range b.Members {
		key := keyOf(m.Identity)
		if w[key] == nil {
			w[key] = map[string]bool{}
		}
		w[key][m.Value] = true
	}
	return nil
}

func keyOf(who segment.Identity) told.Key {
	switch {
	case who.UserID != "":
		return told.Key{Kind: told.UserID, ID: who.UserID}
	case who.AnonymousID != "":
		return told.Key{Kind: told.AnonymousID, ID: who.AnonymousID}
	}
	return told.Key{Kind: told.EmailSHA1, ID: who.EmailSHA1}
}

// step takes the difference of a list, checks it, and tells what it says.
func step(t *testing.T, table told.Table, src *warehouse.Source, in source.Input, isFlat bool, e sqlengine.Engine, label string) {
	t.Helper()
	wanted, err := src.Wanted(t.Context(), in)
	require.NoError(t, err, label)
	list := wish{}
	if isFlat {
		wanted = flatWanted(in.Key)
		rows, err := e.Query(t.Context(), wanted.Statement+" ORDER BY profile, seq NULLS FIRST, value NULLS FIRST, kind NULLS FIRST, id NULLS FIRST")
		require.NoError(t, err, label)
		require.NoError(t, src.ReadRows(t.Context(), in, wanted, rows, true, list.take), label)
		require.NoError(t, rows.Close())
	} else {
		require.NoError(t, src.Read(t.Context(), in, source.Position{}, list.take), label)
	}
	idle := "false"
	if wanted.Computed {
		idle = ""
	}
	before := map[told.Key]string{}
	for _, row := range all(t, table, in.Key) {
		before[row.Key] = row.Value
	}
	takes, err := table.Estimate(t.Context(), in.Key, wanted)
	require.NoError(t, err, label)
	_, tells := e.(sqlengine.Estimator)
	require.Equal(t, tells, takes != "", label)
	d, err := table.Difference(t.Context(), in.Key, wanted)
	require.NoError(t, err, label)
	back, kept, changed := map[told.Key]string{}, map[told.Key]bool{}, wish{}
	for row, err := range d.Told {
		require.NoError(t, err, label)
		require.Equal(t, in.Key, row.Trait)
		require.Equal(t, before[row.Key], row.Value, label)
		back[row.Key], kept[row.Key] = row.Value, row.Kept
	}
	rows, err := d.List(t.Context())
	require.NoError(t, err, label)
	require.NoError(t, src.ReadRows(t.Context(), in, wanted, rows, true, changed.take), label)
	require.NoError(t, d.Close())
	require.EqualValues(t, len(before), d.Counts.Rows)

	for key, values := range list {
		if changed[key] == nil { // it is told as it is wanted, by everybody
			require.Equal(t, map[string]bool{before[key]: true}, values, "%s: %v is not in the difference", label, key)
			_, here := back[key]
			require.Equal(t, here, kept[key], "%s: %v", label, key)
			continue
		}
		require.Equal(t, values, changed[key], "%s: %v", label, key)
	}
	for key := range changed {
		require.Contains(t, list, key, label)
		if _, told := before[key]; told {
			require.Contains(t, back, key, "%s: told rows of who comes over do, too", label)
		}
	}
	var tell []told.Row
	for key, value := range before {
		require.False(t, kept[key] && (list[key] == nil || !list[key][value]), "%s: %v is not wanted so", label, key)
		if _, here := back[key]; !here && list[key] == nil {
			require.Equal(t, idle, value, "%s: %v is no longer wanted", label, key)
		}
		if list[key] == nil && value != idle {
			tell = append(tell, told.Row{Trait: in.Key, Key: key, Value: idle, At: noon})
		}
	}
	for key, values := range changed {
		for value := range values { // any of them
			tell = append(tell, told.Row{Trait: in.Key, Key: key, Value: value, At: noon})
			break
		}
	}
	require.NoError(t, table.Write(t.Context(), label, these(tell...)), label)
}
