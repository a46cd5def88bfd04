package spill

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// added is a record as it was added.
type added struct {
	number int64
	text   string
}

func all(t *testing.T, s *Spill, chunks int) (records []added) {
	t.Helper()
	next, n := int64(0), 0
	for c, err := range s.Chunks(chunks) {
		require.NoError(t, err)
		n++
		require.Equal(t, next, c.From)
		next = c.To + 1 // the last one goes round
		for _, r := range c.Records {
			require.LessOrEqual(t, c.From, r.Number)
			require.LessOrEqual(t, r.Number, c.To)
			records = append(records, added{r.Number, c.Text(r)})
		}
	}
	require.EqualValues(t, -1<<63, next, "all numbers are covered")
	require.LessOrEqual(t, n, chunks)
	require.Greater(t, 2*n, chunks)
	return records
}

// Records that fill blocks of the file, and are cut by their ends, come back
// sorted and whole, in however many chunks.
func TestSpill(t *testing.T) {
	t.Parallel()
	s := New(t.TempDir())
	random := rand.New(rand.NewPCG(1, 2))
	var want []added
	for i := range 2000 {
		r := added{random.Int64(), strings.Repeat("x", i*37%(3*block))}
		want = append(want, r)
		require.NoError(t, s.Add(r.number, []byte(r.text)))
	}
	slices.SortFunc(want, func(a, b added) int { return cmp.Compare(a.number, b.number) })
	require.Positive(t, s.blocks)
	require.EqualValues(t, 2000, s.Len())
	for _, chunks := range []int{1, 3, 64, parts, 10 * parts} {
		require.Equal(t, want, all(t, s, chunks))
	}
	found, err := s.Find(want[7].number)
	require.NoError(t, err)
	require.Equal(t, []string{want[7].text}, found)
	require.NoError(t, s.Close())
}

func TestSpillInMemory(t *testing.T) {
	t.Parallel()
	s := New("/no/such/folder") // which is not needed
	require.Empty(t, all(t, s, 1))
	require.NoError(t, s.Add(1, []byte("a")))
	require.Equal(t, []added{{1, "a"}}, all(t, s, 1))
	require.NoError(t, s.Close())
}

// Records of one number stay as they came.
func TestSpillOneNumber(t *testing.T) {
	t.Parallel()
	s := New(t.TempDir())
	const last = 1<<63 - 1
	for i, n := range []int64{7, last, 7, 0, 7} {
		require.NoError(t, s.Add(n, []byte{byte('a' + i)}))
	}
	require.Equal(t, []added{{0, "d"}, {7, "a"}, {7, "c"}, {7, "e"}, {last, "b"}}, all(t, s, 1))
	found, err := s.Find(7)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "c", "e"}, found)
	require.Error(t, s.Add(-1, nil))
}

// The file belongs to this user alone, and has no name.
func TestSpillFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := New(dir)
	require.NoError(t, s.Add(1, make([]byte, batch*block)))
	info, err := s.file.Stat()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, s.Close())

	gone := New(dir + "/no/such/folder")
	require.ErrorContains(t, gone.Add(1, make([]byte, batch*block)), "TMPDIR")
}

// A file that was cut off is no list.
func TestSpillDamaged(t *testing.T) {
	t.Parallel()
	s := New(t.TempDir())
	require.NoError(t, s.Add(1, make([]byte, batch*block)))
	require.NoError(t, s.file.Truncate(block))
	for _, err := range s.Chunks(1) {
		require.Error(t, err)
	}
	_, err := s.Find(1)
	require.Error(t, err)
}

// However many records there are, a spill holds a block of each part.
func TestSpillMemory(t *testing.T) {
	t.Parallel()
	s := New(t.TempDir())
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 500_000 {
		require.NoError(t, s.Add(random.Int64(), fmt.Appendf(nil, "a record of some length, number %d", i)))
	}
	held := 0
	for i := range s.parts {
		held += cap(s.parts[i].rest) + 8*cap(s.parts[i].full)
	}
	require.Less(t, held, 16<<20)
	require.NoError(t, s.Close())
}

// A part does not keep the memory that a long record took.
func TestSpillLongRecords(t *testing.T) {
	t.Parallel()
	s := New(t.TempDir())
	var want []added
	for i := range int64(parts / 16) {
		r := added{i << (63 - bits), strings.Repeat("x", 1<<18+int(i))}
		want = append(want, r)
		require.NoError(t, s.Add(r.number, []byte(r.text)))
		require.LessOrEqual(t, cap(s.parts[i].rest), 2*block)
	}
	require.Equal(t, s.Len()*(header+1<<18)+s.Len()*(s.Len()-1)/2, s.Size())
	require.True(t, slices.Equal(want, all(t, s, parts)))
	require.NoError(t, s.Close())
}

func FuzzSort(f *testing.F) {
	f.Add(int64(7), "text", "")
	f.Add(int64(0), "", "\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01x")
	f.Fuzz(func(t *testing.T, number int64, text, junk string) {
		s := New(t.TempDir())
		if number < 0 {
			return
		}
		require.NoError(t, s.Add(number, []byte(text)))
		require.NoError(t, s.Add(number, []byte(text)))
		require.Equal(t, []added{{number, text}, {number, text}}, all(t, s, 1))
		require.NoError(t, s.Close())
		for n := range 3 { // any text ends, without a panic
			c := Chunk{To: math.MaxInt64, text: junk}
			if c.sort(n) == nil {
				require.Len(t, c.Records, n)
			}
		}
	})
}

// A list takes at least this for each member: its number is made from a hash of the id,
// and it is written, read back and sorted.
func BenchmarkHashedIDs(b *testing.B) {
	s := New(b.TempDir())
	defer s.Close()
	for i := range b.N {
		id := fmt.Appendf(nil, "user-%019d", i)
		sum := sha256.Sum256(id)
		if err := s.Add(int64(binary.BigEndian.Uint64(sum[:])>>1), id); err != nil {
			b.Fatal(err)
		}
	}
	for c, err := range s.Chunks(b.N/2000 + 1) {
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range c.Records {
			_ = c.Text(r)
		}
	}
}
