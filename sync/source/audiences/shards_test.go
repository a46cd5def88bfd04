package audiences

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/source"
)

func TestNamesOfParts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"000", "000000000000.csv", "vip_000000000000", "vip-000000000003.csv.gz", "vip_000", "vip000.gz", "0000_part_00", "vip_0001_part_00.parquet",
		"data_0_0_0.csv.gz", "data_7_3_12.snappy.parquet", "data_01b2c3d4-0000-1111-2222-333344445555_0_1_0.csv", "_0_0_0.csv", "vip_0_1_0.csv.gz",
		"part-00000", "part-00003-5a2b1c00-aaaa-bbbb-cccc-ddddeeeeffff-c000.snappy.parquet", "part-r-00000.gz", "part-00000-tid-1-x-c000.csv", "run-12-part-r-00001",
		"part.0.parquet", "part_3.csv", "vip-part-01.csv", "data_0.parquet", "export_0.csv", "vip-00000-of-00005.csv",
		"20261127_153000_00012_abcde_5a2b1c00-aaaa-bbbb-cccc-ddddeeeeffff", "5a2b1c00-aaaa-bbbb-cccc-ddddeeeeffff.csv", "0f8fad5bd9cb469fa16570867728950e.snappy.parquet",
	} {
		_, ok := shardOf("x/" + name)
		require.True(t, ok, name)
	}
	for _, name := range []string{
		"top_100.csv", "2026.csv", "100.csv", "Spent 9.99.csv", "order_completed_last_30days.csv", "vip_2026_11_27.csv", "vip_27_11_2026.csv", "spent_over_10_000.csv",
		"top_1000.csv", "Over 100 000.csv", "export_2026.csv", "part_time_workers.csv", "took part 2.csv", "bought_2_of_3.csv", "vip_001.csv", "202611271530.csv", "data_scientists.csv", "vip.csv",
		"v_2_1_3.csv", "results_2026.csv", "partners.csv",
	} {
		_, ok := shardOf("x/" + name)
		require.False(t, ok, name)
	}
}

func refused(t *testing.T, s *Source) error {
	t.Helper()
	for _, err := range s.Inputs(context.Background(), func(source.Object, int64, string) {}) {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestPartsOfAnExportAreNoTraits(t *testing.T) {
	t.Parallel()
	list := "user_id\nu1\n"
	for want, tt := range map[string]struct {
		files     []string
		audiences map[string]Audience
	}{
		`{"vip/*": {key: vip, parts: true}}`:     {[]string{"vip/data_0_0_0.csv.gz", "vip/data_0_1_0.csv.gz"}, nil},
		`{"vip_*": {key: vip, parts: true}}`:     {[]string{"vip_000000000000.csv"}, nil},
		`{"x/Gold-*": {key: gold, parts: true}}`: {[]string{"x/Gold-000000000000.csv", "x/other.csv"}, nil},
		`{"*.csv": {key: KEY, parts: true}}`:     {[]string{"part-00000-x-c000.csv"}, nil},
		`{"vip/*": {key: big, parts: true}}`:     {[]string{"vip/data_0_0_0.csv", "vip/data_0_1_0.csv"}, map[string]Audience{"vip/*": {Key: "big"}}},
	} {
		files := map[string]string{}
		for _, name := range tt.files {
			files[name] = list
		}
		err := refused(t, setup(t, files, tt.audiences))
		require.ErrorIs(t, err, source.ErrConfig, want)
		require.ErrorContains(t, err, want)
	}
	for name, tt := range map[string]struct {
		files     []string
		audiences map[string]Audience
	}{
		"with parts and key":      {[]string{"vip/data_0_0_0.csv", "vip/data_0_1_0.csv"}, map[string]Audience{"vip/*": {Key: "vip", Parts: true}}},
		"one part with a key":     {[]string{"vip_000000000000.csv"}, map[string]Audience{"vip_*": {Key: "vip"}}},
		"a key by the plain name": {[]string{"000.csv"}, map[string]Audience{"000.csv": {Name: "Agents"}}},
		"dated exports":           {[]string{"vip-20261126-000000000000.csv", "vip-20261127-000000000000.csv"}, map[string]Audience{"vip-*": {Key: "vip"}}},
		"real names":              {[]string{"top_100.csv", "2026.csv"}, nil},
	} {
		files := map[string]string{}
		for _, name := range tt.files {
			files[name] = list
		}
		require.NoError(t, refused(t, setup(t, files, tt.audiences)), name)
	}
}

func TestPartsThatAreNotAll(t *testing.T) {
	t.Parallel()
	const list = "user_id\nu1\n" // 11 bytes
	parts := map[string]Audience{"vip/*": {Key: "vip", Parts: true}}
	both := `{"entries":[{"url":"s3://b/vip/p_0000_part_00","meta":{"content_length":11}},{"url":"s3://b/vip/p_0001_part_00"}]}`
	for name, tt := range map[string]struct {
		files map[string]string
		want  string // why not; nothing if it is whole
	}{
		"all of a manifest":           {map[string]string{"vip/p_0000_part_00": list, "vip/p_0001_part_00": list, "vip/p_manifest": both}, ""},
		"one is missing":              {map[string]string{"vip/p_0000_part_00": list, "vip/p_manifest": both}, `1 of 2 files in the manifest "vip/p_manifest" is missing: p_0001_part_00`},
		"one too many":                {map[string]string{"vip/p_0000_part_00": list, "vip/p_0001_part_00": list, "vip/p_0002_part_00": list, "vip/p_manifest": both}, `"vip/p_0002_part_00" is not in the manifest`},
		"another size":                {map[string]string{"vip/p_0000_part_00": list + "u2\n", "vip/p_0001_part_00": list, "vip/p_manifest": both}, "is it still being written?"},
		"a manifest that is cut off":  {map[string]string{"vip/p_0000_part_00": list, "vip/p_manifest": both[:40]}, "cannot be read"},
		"an empty part of a manifest": {map[string]string{"vip/p_0000_part_00": list, "vip/p_0001_part_00": "", "vip/p_manifest": both}, ""},
		"addresses, one a line":       {map[string]string{"vip/a": list, "vip/5a2b1c00-aaaa-bbbb-cccc-ddddeeeeffff-manifest.csv": "s3://b/vip/a\ns3://b/vip/b\n"}, "is missing: b"},
		"all of five":                 {map[string]string{"vip/v-00000-of-00002.csv": list, "vip/v-00001-of-00002.csv": list}, ""},
		"counted from one":            {map[string]string{"vip/v-01-of-02.csv": list, "vip/v-02-of-02.csv": list}, ""},
		"the last of a total":         {map[string]string{"vip/v-00000-of-00003.csv": list, "vip/v-00001-of-00003.csv": list}, "part number 2 is missing"},
		"two totals":                  {map[string]string{"vip/v-00000-of-00001.csv": list, "vip/v-00000-of-00003.csv": list}, "remove those of the older export"},
		"a gap of BigQuery":           {map[string]string{"vip/v-000000000000.csv": list, "vip/v-000000000002.csv": list}, "part number 1 is missing"},
		"gaps of Snowflake":           {map[string]string{"vip/data_0_0_0.csv": list, "vip/data_0_3_0.csv": list}, ""},
		"a Delta table, once written": {map[string]string{"vip/part-00000-x-c000.csv": list, "vip/_delta_log/00000000000000000000.json": "{}"}, ""},
		"a Delta table, later":        {map[string]string{"vip/part-00000-x-c000.csv": list, "vip/_delta_log/00000000000000000000.json": "{}", "vip/_delta_log/00000000000000000001.json": "{}"}, "a Delta table of 2 versions"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ins, rejected := inputs(t, setup(t, tt.files, parts))
			if tt.want == "" {
				require.Empty(t, rejected)
				require.Len(t, ins, 1)
				return
			}
			require.Empty(t, ins, "nobody may be told false")
			require.Len(t, rejected, 1)
			require.Contains(t, rejected[0], tt.want)
		})
	}
}

func parquetFile[T any](t *testing.T, rows ...T) string {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b)
	_, err := w.Write(rows)
	require.NoError(t, errors.Join(err, w.Close()))
	return b.String()
}

type warehouseRow struct {
	UserID int64   `parquet:"USER_ID"`
	Email  *string `parquet:"email,optional"`
	Other  []int64 `parquet:"other,list"`
}

type flagRow struct {
	UserID string `parquet:"user_id"`
	Value  bool   `parquet:"value"`
}

type valueRow struct {
	UserID string  `parquet:"user_id"`
	Value  float64 `parquet:"value"`
}

type changeRow struct {
	UserID string `parquet:"user_id"`
	Name   string `parquet:"audience_name"`
	Action bool   `parquet:"audience_action"`
}

func TestParquetLists(t *testing.T) {
	t.Parallel()
	mail := "kim@example.com"
	s := setup(t, map[string]string{"VIP.snappy.parquet": parquetFile(t, warehouseRow{UserID: 9007199254740993}, warehouseRow{UserID: 42, Email: &mail})}, nil)
	in := one(t, s)
	require.Equal(t, "vip", in.Key)
	records, last, err := read(s, in, source.Position{})
	require.NoError(t, err)
	require.True(t, last.Done)
	require.Len(t, records, 2)
	require.Equal(t, "1 9007199254740993//=true", records[0])
	require.True(t, strings.HasPrefix(records[1], "2 42//"))

	s = setup(t, map[string]string{"vip.parquet": parquetFile(t, flagRow{"u1", true}, flagRow{"u2", false})}, nil)
	records, _, err = read(s, one(t, s), source.Position{})
	require.NoError(t, err)
	require.Contains(t, records, "1 u1//=true")
	require.NotContains(t, strings.Join(records, "\n"), "u2//=false", "false is no member")

	s = setup(t, map[string]string{"ltv.parquet": parquetFile(t, valueRow{"u1", 12.5})}, nil)
	records, _, err = read(s, one(t, s), source.Position{})
	require.NoError(t, err)
	require.Equal(t, []string{"1 u1//=12.5"}, records)
}

func TestParquetChangesAreReadOn(t *testing.T) {
	t.Parallel()
	rows := make([]changeRow, 2500)
	for i := range rows {
		rows[i] = changeRow{"u" + strings.Repeat("x", i%9), "vip", i%2 == 0}
	}
	s := setup(t, map[string]string{"c.parquet": parquetFile(t, rows...)}, nil)
	in := one(t, s)
	require.Equal(t, source.ShapeChanges, in.Shape)
	var at []source.Position
	stop := errors.New("stopped")
	err := s.Read(context.Background(), in, source.Position{}, func(b source.Batch) error {
		at = append(at, b.Position)
		return stop
	})
	require.ErrorIs(t, err, stop)
	records, last, err := read(s, in, at[0])
	require.NoError(t, err)
	require.True(t, last.Done)
	require.Len(t, records, 1500, "the first batch is not read twice")
}

func TestAParquetFileThatBreaksOffIsNoList(t *testing.T) {
	t.Parallel()
	whole := parquetFile(t, flagRow{"u1", true}, flagRow{"u2", true})
	s := setup(t, map[string]string{"vip.parquet": whole[:len(whole)-20]}, nil)
	ins, rejected := inputs(t, s)
	require.Empty(t, ins)
	require.Equal(t, []string{"vip.parquet: damaged Parquet: it ends in the middle: was the upload cut off?"}, rejected)
}
