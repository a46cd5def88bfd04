package audiences

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
)

func TestEmptyPartsArePassedOver(t *testing.T) {
	t.Parallel()
	s := setup(t, map[string]string{"vip-1.csv": "user_id\nu1\n", "vip-2.csv": "", "vip-3.csv": "\n"}, map[string]Audience{"vip-*": {Name: "VIP", Parts: true}})
	require.Len(t, one(t, s).Objects, 1)
	s = setup(t, map[string]string{"vip-1.csv": "", "vip-2.csv": ""}, map[string]Audience{"vip-*": {Name: "VIP", Parts: true}})
	ins, rejected := inputs(t, s)
	require.Empty(t, ins, "nothing but empty files is no list of nobody")
	require.NotEmpty(t, rejected)
}

func TestTheNewestFileIsTheList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "mon/VIP.csv", "user_id\nu1\n", newYear)
	write(t, dir, "tue/VIP.csv.gz", "user_id\nu2\n", newYear.Add(time.Hour))
	s := open(t, dir, nil)
	in := one(t, s)
	require.Equal(t, "VIP", in.Name)
	require.Equal(t, "vip", in.Key)
	require.True(t, newYear.Add(time.Hour).Equal(in.ListedAt))
	records, _, err := read(s, in, source.Position{})
	require.NoError(t, err)
	require.Equal(t, []string{"2 u2//=true"}, records)
}

func TestParts(t *testing.T) {
	t.Parallel()
	parts := map[string]Audience{"vip-*": {Name: "VIP", Parts: true}}
	t.Run("are one list", func(t *testing.T) {
		t.Parallel()
		s := setup(t, map[string]string{"vip-1.csv": "user_id\nu1\n", "vip-2.csv": "email,user_id\n,u2\n"}, parts)
		in := one(t, s)
		require.Len(t, in.Objects, 2)
		records, last, err := read(s, in, source.Position{})
		require.NoError(t, err)
		require.Equal(t, []string{"2 u1//=true", "2 u2//=true"}, records)
		require.True(t, last.Done)
	})
	t.Run("one that is bad spoils the list", func(t *testing.T) {
		t.Parallel()
		s := setup(t, map[string]string{"vip-1.csv": "user_id\nu1\n", "vip-2.csv": "name\nx\n"}, parts)
		ins, rejected := inputs(t, s)
		require.Empty(t, ins)
		require.Len(t, rejected, 1)
		require.Contains(t, rejected[0], "the whole list is left out")
	})
}

func TestTooManyFiles(t *testing.T) {
	t.Parallel()
	s := setup(t, map[string]string{"a.csv": "user_id\n", "b.csv": "user_id\n", "c.csv": "user_id\n"}, nil)
	s.most = 3
	_, rejected := inputs(t, s)
	require.Empty(t, rejected)
	s.most = 2
	_, err := s.inputs(context.Background(), nil)
	require.ErrorIs(t, err, source.ErrConfig)
	require.ErrorContains(t, err, "more than 2 files")
}

func TestTwoNamesForOneKey(t *testing.T) {
	t.Parallel()
	s := setup(t, map[string]string{"Big Spender.csv": "user_id\nu1\n", "big-spender.csv": "user_id\nu2\n"}, nil)
	var err error
	for _, err = range s.Inputs(context.Background(), nil) {
	}
	var clash *KeyClashError
	require.ErrorAs(t, err, &clash)
	require.ErrorIs(t, err, source.ErrConfig)
	require.Equal(t, "big_spender", clash.Key)
	require.ElementsMatch(t, []string{"Big Spender", "big-spender"}, clash.Names[:])

	_, err = New(context.Background(), Config{Name: "x", URL: "file:///", Audiences: map[string]Audience{
		"a*.csv": {Name: "VIP"}, "b*.csv": {Name: "v.i.p", Key: "vip"},
	}})
	require.ErrorAs(t, err, &clash)
}

func TestMissing(t *testing.T) {
	t.Parallel()
	s := setup(t, map[string]string{"gold.csv": ""}, map[string]Audience{
		"vip.csv":    {OnMissing: "exit"},
		"gold*.csv":  {Name: "Gold", OnMissing: "exit"},
		"delta*.csv": {Name: "Delta", List: "changes"},
		"ltv*.csv":   {Key: "ltv", Value: "computed"},
	})
	missing, rejected := inputs(t, s)
	require.Len(t, rejected, 1)
	require.ElementsMatch(t, []source.Input{
		{Source: "exports", Shape: source.ShapeList, Key: "vip", Name: "vip", Class: segment.ClassAudience, OnMissing: "exit"},
		{Source: "exports", Shape: source.ShapeList, Key: "ltv", Name: "ltv", Class: segment.ClassComputed, OnMissing: "keep"},
	}, missing)
}

func TestConfigurationErrorsAreToldTogether(t *testing.T) {
	t.Parallel()
	_, err := New(context.Background(), Config{Name: "x", URL: "file:///", Audiences: map[string]Audience{
		"[":     {},
		"a.csv": {List: "all", Value: "yes", OnMissing: "no"},
		"b*":    {OnMissing: "exit"},
		"c*":    {Parts: true},
		"!.csv": {},
	}})
	require.Error(t, err)
	for _, want := range []string{`"["`, `list: "all"`, `value: "yes"`, `onMissing: "no"`, "onMissing: exit needs", "parts: one list", `no trait key can be made of "!.csv"`} {
		require.ErrorContains(t, err, want)
	}
}
