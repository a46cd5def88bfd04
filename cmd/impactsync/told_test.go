package main

import (
	"path/filepath"
	"testing"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	"github.com/stretchr/testify/require"
)

func TestPlacesOf(t *testing.T) {
	t.Parallel()
	c := &config.Config{Sources: []config.Source{
		{Name: "all", AllAudiences: true, Diff: config.DiffWarehouse, ToldSchema: "x"},
		{Name: "some", Audiences: []config.Audience{{Key: "gold"}}, Diff: config.DiffWarehouse, ToldSchema: "y"},
		{Name: "local", Audiences: []config.Audience{{Key: "silver"}}},
	}}
	require.Equal(t, map[string]string{"vip": "x", "gold": "y"}, placesOf(c, map[string]string{"vip": "all", "gold": "some", "silver": "local"}))
}

func TestAllNamed(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := state.Open(ctx, state.Options{Path: filepath.Join(t.TempDir(), "state.db"), Create: true})
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.KeepElsewhere(ctx, state.TraitInfo{Key: "vip", Class: state.Audience}, "x", false))
	source := config.Source{Diff: config.DiffWarehouse, ToldSchema: "x"}
	require.NoError(t, allNamed(ctx, &config.Config{Sources: []config.Source{source}}, db))
	source.ToldSchema = "y"
	require.ErrorContains(t, allNamed(ctx, &config.Config{Sources: []config.Source{source}}, db), "schema x, and no source of the configuration names it")
	require.ErrorContains(t, allNamed(ctx, &config.Config{}, db), "schema x")
}
