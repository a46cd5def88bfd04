package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/stretchr/testify/require"
)

// texts reads the columns of a file.
func texts(t *testing.T, file []byte, columns ...int) (rows [][]string, err error) {
	t.Helper()
	p, err := openParquet(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, err
	}
	if err := p.Use(columns); err != nil {
		return nil, err
	}
	for {
		read, err := p.Next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		row := make([]string, 0, len(columns))
		for _, i := range columns {
			row = append(row, read.Fields[i])
		}
		rows = append(rows, row)
	}
}

func write[T any](t *testing.T, rows []T, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, options...)
	_, err := w.Write(rows)
	require.NoError(t, errors.Join(err, w.Close()))
	return b.Bytes()
}

type typed struct {
	Int     int64            `parquet:"int"`
	Null    *int64           `parquet:"null,optional"`
	Bool    bool             `parquet:"bool"`
	Milli   time.Time        `parquet:"milli,timestamp(millisecond)"`
	Micro   time.Time        `parquet:"micro,timestamp(microsecond)"`
	Day     int32            `parquet:"day,date"`
	Decimal int64            `parquet:"decimal,decimal(2:18)"`
	ID      int64            `parquet:"id,decimal(0:18)"`
	UUID    [16]byte         `parquet:"uuid,uuid"`
	Double  float64          `parquet:"double"`
	Float   float32          `parquet:"float"`
	Uint    uint64           `parquet:"uint"`
	Dict    string           `parquet:"dict,dict,snappy"`
	Old     deprecated.Int96 `parquet:"old"`
	Raw     []byte           `parquet:"raw,zstd"`
}

func TestParquetTypesAsTexts(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 27, 9, 30, 0, 250_000_000, time.UTC)
	one := int64(7)
	rows := []typed{
		{
			Int: math.MaxInt64, Null: &one, Bool: true, Milli: at, Micro: at, Day: int32(at.Unix() / 86400), Decimal: 1250, ID: 123456789012345678,
			UUID:   [16]byte{0x0f, 0x8f, 0xad, 0x5b, 0xd9, 0xcb, 0x46, 0x9f, 0xa1, 0x65, 0x70, 0x86, 0x77, 0x28, 0x95, 0x0e},
			Double: 1234567, Float: 2.5, Uint: math.MaxUint64, Dict: "u1", Old: deprecated.Int96{0, 0, 2440589}, Raw: []byte("é"),
		},
		{Decimal: -5, Double: math.NaN(), Float: float32(math.Inf(1)), Dict: "u1"},
		{Double: 1.2345678901234567e17, Dict: "u2"},
	}
	got, err := texts(t, write(t, rows), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)
	require.NoError(t, err)
	require.Equal(t, []string{
		"9223372036854775807", "7", "true", "2026-11-27T09:30:00.25Z", "2026-11-27T09:30:00.25Z", "2026-11-27", "12.5", "123456789012345678",
		"0f8fad5b-d9cb-469f-a165-70867728950e", "1234567", "2.5", "18446744073709551615", "u1", "1970-01-02T00:00:00Z", "é",
	}, got[0])
	require.Empty(t, got[1][1], "null")
	require.Equal(t, []string{"-0.05", "", ""}, []string{got[1][6], got[1][9], got[1][10]}, "what is no number is nothing")
	require.Equal(t, "1.2345678901234566E+17", got[2][9], "an id that lost its last digits shows it")
}

type person struct {
	UserID string  `parquet:"user_id,dict"`
	Email  *string `parquet:"email,optional"`
}

func TestParquetOfManyRowGroupsAndPages(t *testing.T) {
	t.Parallel()
	var rows []person
	for i := range 25_000 {
		p := person{UserID: string(rune('a'+i%26)) + "-user"}
		if i%3 == 0 {
			p.Email = &p.UserID
		}
		rows = append(rows, p)
	}
	got, err := texts(t, write(t, rows, parquet.MaxRowsPerRowGroup(7_000), parquet.PageBufferSize(2_000)), 1, 0)
	require.NoError(t, err)
	require.Len(t, got, len(rows))
	for i, row := range got {
		require.Equal(t, rows[i].UserID, row[1])
		require.Equal(t, i%3 == 0, row[0] != "", "row %d", i)
	}
	got, err = texts(t, write(t, []person{}), 0)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestNestedColumnsAreNamed(t *testing.T) {
	t.Parallel()
	type nested struct {
		UserID string   `parquet:"user_id"`
		Email  []string `parquet:"email,list"`
	}
	file := write(t, []nested{{"u1", []string{"a", "b"}}})
	_, err := texts(t, file, 0, 1)
	require.ErrorContains(t, err, `the column "email" is nested`)
	got, err := texts(t, file, 0)
	require.NoError(t, err, "one that nobody reads does not matter")
	require.Equal(t, [][]string{{"u1"}}, got)
}

func TestBrokenParquet(t *testing.T) {
	t.Parallel()
	rows := make([]person, 5_000)
	for i := range rows {
		rows[i].UserID = time.Duration(i).String()
	}
	whole := write(t, rows)
	for _, cut := range []int{4, 11, len(whole) / 2, len(whole) - 1} {
		_, err := texts(t, whole[:cut], 0)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut at %d", cut)
	}
	_, err := texts(t, append([]byte("PAR1\x15\x04"), bytes.Repeat([]byte{0x15}, 80)...), 0)
	require.Error(t, err)
}

func TestADirectoryThatIsTooLargeIsNotRead(t *testing.T) {
	t.Parallel()
	file := make([]byte, mostFooter+64)
	copy(file, "PAR1")
	end := file[len(file)-8:]
	binary.LittleEndian.PutUint32(end, mostFooter+1)
	copy(end[4:], "PAR1")
	_, err := texts(t, file, 0)
	require.ErrorContains(t, err, "more than 16 MiB")
}

// FuzzParquet holds for any bytes: an error at most.
func FuzzParquet(f *testing.F) {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[person](&b)
	_, err := w.Write([]person{{UserID: "u1"}, {UserID: "u2"}})
	require.NoError(f, errors.Join(err, w.Close()))
	f.Add(b.Bytes(), 20, byte(1))
	f.Fuzz(func(t *testing.T, file []byte, at int, flip byte) {
		if len(file) == 0 || len(file) > 1<<16 {
			return
		}
		file = bytes.Clone(file)
		file[uint(at)%uint(len(file))] ^= flip
		_, _ = texts(t, file, 0)
	})
}
