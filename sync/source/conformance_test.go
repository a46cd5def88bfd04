package source_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/audiences"
	"github.com/impactsync/impactsync/sync/source/events"
	"github.com/impactsync/impactsync/sync/source/warehouse"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
	"github.com/impactsync/impactsync/sync/sqlengine/postgres"
)

// place is a bucket to test with.
type place struct {
	url string
	b   *blob.Bucket
}

func (p place) put(t *testing.T, name, content string) {
	t.Helper()
	opts := &blob.WriterOptions{BufferSize: 5 << 20} // the least for S3; Google's own is slow
	if strings.HasSuffix(name, ".gz") {
		opts.ContentEncoding = "gzip"
	}
	require.NoError(t, p.b.WriteAll(context.Background(), name, []byte(content), opts))
}

// memories are the buckets behind mem-test:// URLs, by host.
var memories sync.Map

type memoryOpener struct{}

func (memoryOpener) OpenBucketURL(_ context.Context, u *url.URL) (*blob.Bucket, error) {
	b, ok := memories.Load(u.Host)
	if !ok {
		return nil, errors.New("no such memory")
	}
	return b.(*blob.Bucket), nil
}

func init() { blob.DefaultURLMux().RegisterBucket("mem-test", memoryOpener{}) }

func inMemory(t *testing.T) place {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	b := memblob.OpenBucket(nil)
	memories.Store(name, b)
	return place{"mem-test://" + name, b}
}

func inFolder(t *testing.T) place {
	t.Helper()
	dir := "file://" + t.TempDir()
	b, err := blob.OpenBucket(context.Background(), dir+"?metadata=skip&no_tmp_dir=1")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return place{dir, b}
}

// kinds are the kinds of source, each with an object that it reads: one that
// gives records, many enough for several batches.
var kinds = map[string]struct {
	open    func(url string) (source.Source, error)
	content string
	records int
}{
	"events": {
		func(url string) (source.Source, error) {
			return events.New(context.Background(), events.Config{Name: "s", URL: url})
		},
		strings.Repeat(`{"type":"page","userId":"u1","messageId":"m1"}`+"\n", 2500), 2500,
	},
	"a list": {
		func(url string) (source.Source, error) {
			return audiences.New(context.Background(), audiences.Config{Name: "s", URL: url})
		},
		"user_id\n" + strings.Repeat("u1\n", 2500), 2500,
	},
	"changes": {
		func(url string) (source.Source, error) {
			return audiences.New(context.Background(), audiences.Config{Name: "s", URL: url})
		},
		"user_id,audience_name,audience_action\n" + strings.Repeat("u1,vip,true\n", 2500), 2500,
	},
}

func TestSources(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]func(*testing.T) place{"in a folder": inFolder, "in memory": inMemory} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conform(t, where)
		})
	}
}

// conform checks that every kind keeps the promises of source.Source.
func conform(t *testing.T, where func(*testing.T) place) {
	for kind, k := range kinds {
		start := func(t *testing.T) (place, source.Source, source.Input) {
			p := where(t)
			p.put(t, "vip.gz", zip(t, k.content))
			p.put(t, "sub/dummy-object.txt", "x")
			s, err := k.open(p.url)
			require.NoError(t, err)
			t.Cleanup(func() { _ = s.Close() })
			var ins []source.Input
			for in, err := range s.Inputs(context.Background(), func(o source.Object, _ int64, reason string) { t.Errorf("%s: %s", o.Name, reason) }) {
				require.NoError(t, err)
				ins = append(ins, in)
			}
			require.Len(t, ins, 1)
			return p, s, ins[0]
		}
		conformReading(t, kind, "vip.gz", k.records, func(t *testing.T) (source.Source, source.Input) {
			_, s, in := start(t)
			return s, in
		})
		t.Run(kind+" vanish", func(t *testing.T) {
			p, s, in := start(t)
			require.NoError(t, p.b.Delete(context.Background(), "vip.gz"))
			require.ErrorIs(t, s.Read(context.Background(), in, source.Position{}, nil), source.ErrGone)
		})
		t.Run(kind+" change", func(t *testing.T) {
			p, s, in := start(t)
			p.put(t, "vip.gz", zip(t, k.content+k.content))
			require.ErrorIs(t, s.Read(context.Background(), in, source.Position{}, nil), source.ErrChanged)
		})
		t.Run(kind+" are damaged", func(t *testing.T) {
			p := where(t)
			whole := zip(t, k.content)
			p.put(t, "vip.gz", whole[:len(whole)-4])
			s, err := k.open(p.url)
			require.NoError(t, err)
			defer s.Close()
			var damaged *source.DamagedError
			for in, err := range s.Inputs(context.Background(), nil) {
				require.NoError(t, err)
				require.ErrorAs(t, s.Read(context.Background(), in, source.Position{}, func(source.Batch) error { return nil }), &damaged)
			}
			require.NotNil(t, damaged)
		})
	}
}

// conformReading checks what every kind of source promises about reading.
func conformReading(t *testing.T, kind, object string, wanted int, start func(*testing.T) (source.Source, source.Input)) {
	t.Run(kind+" are read in batches to the end", func(t *testing.T) {
		s, in := start(t)
		records, first := 0, 0
		var positions []source.Position
		require.NoError(t, s.Read(context.Background(), in, source.Position{}, func(b source.Batch) error {
			read := len(b.Records) + len(b.Members)
			require.LessOrEqual(t, read, 1000)
			for _, r := range b.Records {
				require.True(t, r.Message != nil || r.Change != nil)
				require.Equal(t, object, r.Object)
			}
			if len(positions) == 0 {
				first = read
			}
			records += read
			positions = append(positions, b.Position)
			return nil
		}))
		require.Equal(t, wanted, records)
		for i, p := range positions {
			require.Equal(t, i == len(positions)-1, p.Done)
		}
		if in.Shape == source.ShapeList {
			return
		}
		rest := 0
		require.NoError(t, s.Read(context.Background(), in, positions[0], func(b source.Batch) error {
			rest += len(b.Records)
			return nil
		}))
		require.Equal(t, wanted-first, rest)
	})
	t.Run(kind+" end with the caller's error", func(t *testing.T) {
		s, in := start(t)
		calls := 0
		err := s.Read(context.Background(), in, source.Position{}, func(source.Batch) error {
			calls++
			return os.ErrPermission
		})
		require.ErrorIs(t, err, os.ErrPermission)
		require.Equal(t, 1, calls)
	})
	t.Run(kind+" stop with the context", func(t *testing.T) {
		s, in := start(t)
		ctx, cancel := context.WithCancel(context.Background())
		err := s.Read(ctx, in, source.Position{}, func(source.Batch) error {
			cancel()
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
	})
}

// TestDatabases checks that the lists of a database keep the same promises.
func TestDatabases(t *testing.T) {
	t.Parallel()
	server := enginetest.StartPostgres(t)
	server.Exec(t, `CREATE SCHEMA engage_default`, `CREATE TABLE engage_default.users (id text, vip boolean, received_at timestamptz)`,
		`INSERT INTO engage_default.users SELECT 'u' || n, true, now() FROM generate_series(1, 2500) n`,
		`CREATE SCHEMA ps`, `CREATE TABLE ps.profile_traits (canonical_segment_id text, vip boolean, merged_to text)`,
		`CREATE TABLE ps.external_id_mapping (canonical_segment_id text, external_id_type text, external_id_value text)`,
		`INSERT INTO ps.profile_traits SELECT 'p' || n, true, '' FROM generate_series(1, 2500) n`,
		`INSERT INTO ps.external_id_mapping SELECT 'p' || n, 'user_id', 'u' || n FROM generate_series(1, 2500) n`)
	for reader, one := range map[string]struct {
		schema, object, query string
	}{
		warehouse.ProfilesSync: {schema: "ps", object: "ps.profile_traits/vip"},
		warehouse.Engage:       {schema: "engage_default", object: "engage_default.users/vip"},
		warehouse.Query:        {object: "query/vip", query: "SELECT id AS user_id FROM engage_default.users"},
	} {
		conformReading(t, "lists of "+reader, one.object, 2500, func(t *testing.T) (source.Source, source.Input) {
			e, err := postgres.Open(sqlengine.Config{DSN: server.DSN})
			require.NoError(t, err)
			cfg := warehouse.Config{Name: "s", Engine: e, Reader: reader, Traits: []warehouse.Trait{{Key: "vip", Column: "vip", Class: segment.ClassAudience, Query: one.query}}}
			if one.schema != "" {
				cfg.Schemas = []string{one.schema}
			}
			s, err := warehouse.New(cfg)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			for in, err := range s.Inputs(context.Background(), nil) {
				require.NoError(t, err)
				return s, in
			}
			t.Fatal("no list")
			return nil, source.Input{}
		})
	}
}

func zip(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}
