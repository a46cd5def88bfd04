package audiences

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var newYear = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// setup makes a folder of files, each an hour newer than the one before it in
// the order of names, and opens it.
func setup(t *testing.T, files map[string]string, audiences map[string]Audience) *Source {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		write(t, dir, name, content, newYear)
	}
	return open(t, dir, audiences)
}

func write(t *testing.T, dir, name, content string, at time.Time) {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	require.NoError(t, os.Chtimes(file, at, at))
}

func open(t *testing.T, dir string, audiences map[string]Audience) *Source {
	t.Helper()
	s, err := New(context.Background(), Config{Name: "exports", URL: "file://" + dir, Audiences: audiences})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// inputs returns the inputs, and the rejected objects as "name: reason".
func inputs(t *testing.T, s *Source) (ins []source.Input, rejected []string) {
	t.Helper()
	for in, err := range s.Inputs(context.Background(), func(o source.Object, _ int64, reason string) {
		rejected = append(rejected, o.Name+": "+reason)
	}) {
		require.NoError(t, err)
		ins = append(ins, in)
	}
	return ins, rejected
}

// one returns the only input.
func one(t *testing.T, s *Source) source.Input {
	t.Helper()
	ins, rejected := inputs(t, s)
	require.Empty(t, rejected)
	require.Len(t, ins, 1)
	return ins[0]
}

// read returns each record as one line of text, and whether the last batch was
// Done.
func read(s *Source, in source.Input, from source.Position) (records []string, last source.Position, err error) {
	err = s.Read(context.Background(), in, from, func(b source.Batch) error {
		left := b.Members // which are between the records
		for _, r := range b.Records {
			n := slices.IndexFunc(left, func(m source.Member) bool { return m.Line > r.Line })
			if n < 0 {
				n = len(left)
			}
			records = append(append(records, showMembers(left[:n])...), show1(r))
			left = left[n:]
		}
		records = append(records, showMembers(left)...)
		last = b.Position
		return nil
	})
	return records, last, err
}

func who(i segment.Identity) string {
	mail := ""
	if i.EmailSHA1 != "" {
		mail = i.EmailSHA1[:6]
	}
	return i.UserID + "/" + i.AnonymousID + "/" + mail
}

func showMembers(members []source.Member) (all []string) {
	for _, m := range members {
		value := "=" + m.Value
		if m.Cleared {
			value = " cleared"
		}
		all = append(all, fmt.Sprintf("%d %s%s", m.Line, who(m.Identity), value))
	}
	return all
}

func show1(r source.Record) string {
	switch {
	case r.Change != nil:
		return fmt.Sprintf("%d %s %s=%s", r.Line, who(r.Change.Identity), r.Change.Key, r.Change.Value)
	case r.Rejected != "":
		return fmt.Sprintf("%d rejected: %s", r.Line, r.Rejected)
	}
	return fmt.Sprintf("%d skipped: %s", r.Line, r.Skipped)
}

// A short SHA-1: of luke@force.com.
const luke = "3139bd"

func TestReadsEveryShapeByItsHeader(t *testing.T) {
	t.Parallel()
	hash := "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
	for name, tt := range map[string]struct {
		content  string
		audience Audience
		shape    source.Shape
		class    segment.Class
		want     []string
	}{
		"a CSV of user ids": {
			"user_id\nu1\nu2\n", Audience{}, source.ShapeList, segment.ClassAudience,
			[]string{"2 u1//=true", "3 u2//=true"},
		},
		"all simple columns, in any order and case": {
			"\ufeff Email ,USER_ID,Anonymous_Id\r\nluke@force.com,u1,a1\r\n,,a2\r\n\r\nLuke@Force.com,,\r\n", Audience{},
			source.ShapeList, segment.ClassAudience,
			[]string{"2 u1/a1/" + luke + "=true", "3 /a2/=true", "5 //" + luke + "=true"},
		},
		"values are of a computed trait": {
			"user_id,value\nu1,34.5\nu2,\n", Audience{}, source.ShapeList, segment.ClassComputed,
			[]string{"2 u1//=34.5", "3 u2// cleared"},
		},
		"values of a membership": {
			"user_id,value\nu1,TRUE\nu2,false\nu3,\nu4,perhaps\n", Audience{Value: "membership"}, source.ShapeList, segment.ClassAudience,
			[]string{"2 u1//=true", "3 skipped: not_member", "4 skipped: not_member",
				`5 rejected: "perhaps" is neither true nor false: set value: computed if it is not a membership`},
		},
		"rows of changes, as configured": {
			"user_id,value\nu1,true\nu2,false\n", Audience{Value: "membership", List: "changes", Key: "vip"}, source.ShapeChanges, segment.ClassAudience,
			[]string{"2 u1// vip=true", "3 u2// vip=false"},
		},
		"an unformatted download": {
			"key,external_ids\np1,\"{\"\"anonymous_id\"\":[\"\"a1\"\",\"\"a2\"\"],\"\"email\"\":[\"\"luke@force.com\"\"]}\"\n" +
				"p2,\"{\"\"user_id\"\":[\"\"u1\"\",\"\"u2\"\"],\"\"anonymous_id\"\":[\"\"a1\"\"]}\"\np3,{}\n",
			Audience{}, source.ShapeList, segment.ClassAudience,
			[]string{"2 /a1/" + luke + "=true", "2 /a2/" + luke + "=true", "3 u1/a1/=true", "3 u2/a1/=true",
				"4 rejected: no usable user id, anonymous id or e-mail address"},
		},
		"a formatted download": {
			"key,user_id,user_id_1,anonymous_id,email,email_1\np1,u1,u2,a1,luke@force.com,x@y.test\np2,,,,luke@force.com,\n",
			Audience{}, source.ShapeList, segment.ClassAudience,
			[]string{"2 u1/a1/" + luke + "=true", "2 u2/a1/" + luke + "=true", "3 //" + luke + "=true"},
		},
		"repeated rows of a computed trait": {
			"key,value,external_ids,email\np1,34,\"{\"\"user_id\"\":[\"\"u1\"\"]}\",luke@force.com\np1,34,\"{\"\"user_id\"\":[\"\"u1\"\"]}\",x@y.test\n",
			Audience{}, source.ShapeList, segment.ClassComputed,
			[]string{"2 u1//" + luke + "=34", "3 u1//d51ed0=34"},
		},
		"only SHA-256 of addresses": {
			"email\n" + hash + "\n", Audience{}, source.ShapeList, segment.ClassAudience,
			[]string{"2 rejected: only the SHA-256 of an e-mail address, which cannot be addressed: impact.com takes SHA-1 on page loads"},
		},
		"a computed trait's download": {
			"key,value,external_ids\np1,34,\"{\"\"user_id\"\":[\"\"u1\"\"]}\"\n", Audience{}, source.ShapeList, segment.ClassComputed,
			[]string{"2 u1//=34"},
		},
		"typographic quotes in the JSON": {
			"key,external_ids\np1,\"{\"\"email\"\": [“luke@force.com”]}\"\n", Audience{}, source.ShapeList, segment.ClassAudience,
			[]string{"2 rejected: typographic quotes in the JSON: write plain ones, or let Segment write the file again"},
		},
		"AWS S3 (Actions)": {
			"event_name|event_type|user_id|anonymous_id|email|timestamp|message_id|audience_name|audience_id|audience_space_id|audience_action\n" +
				`"Audience Entered"|"track"|"u1"|""|"luke@force.com"|"2026-01-02T03:04:05.123456789Z"|"m1"|"vip"|"aud_1"|"spa_1"|"true"` + "\n" +
				`""|"identify"|"u2"|"a2"|""|""|"m2"|"vip"|"aud_1"|"spa_1"|"false"` + "\n" +
				`"Order Completed"|"track"|"u2"|"a2"|""|""|"m3"|""|""|""|""`,
			Audience{}, source.ShapeChanges, segment.ClassAudience,
			[]string{"2 u1//" + luke + " vip=true", "3 u2/a2/ vip=false", "4 skipped: not_audience"},
		},
		"AWS S3 CSV": {
			"audience_name,audience_id,audience_action,email,user_id,anonymous_id,timestamp,message_id,space_id,integrations_object,properties_or_traits\n" +
				`"vip","aud_1","false","","u1","","2026-01-02T03:04:05Z","m1","spa_1","{}","{""vip"":false}"`,
			Audience{}, source.ShapeChanges, segment.ClassAudience,
			[]string{"2 u1// vip=false"},
		},
		"JSON lines": {
			"{\"user_id\":\"u1\",\"email\":\"luke@force.com\"}\n{\"userId\":7,\"anonymousId\":\"a1\"}\n{\"user_id\":null}\n{\"user_id\":“u”}\n",
			Audience{}, source.ShapeList, segment.ClassAudience,
			[]string{"1 u1//" + luke + "=true", "2 7/a1/=true", "3 rejected: no usable user id, anonymous id or e-mail address",
				"4 rejected: typographic quotes in the JSON: write plain ones, or let Segment write the file again"},
		},
		"a JSON array of computed values": {
			`[{"user_id":"u1","value":1.5}, {"external_ids":{"user_id":["u2"]},"value":"gold"}, {"user_id":"u3","value":null}]`,
			Audience{}, source.ShapeList, segment.ClassComputed,
			[]string{"1 u1//=1.5", "2 u2//=gold", "3 u3// cleared"},
		},
		"an empty JSON array": {"[]\n", Audience{}, source.ShapeList, segment.ClassAudience, nil},
		"only a header":       {"user_id", Audience{}, source.ShapeList, segment.ClassAudience, nil},
		"raw messages": {
			`{"type":"identify","userId":"u1","messageId":"m1","traits":{"vip":true},"context":{"personas":{"computation_class":"audience","computation_key":"vip"}}}` + "\n" +
				`{"type":"page","userId":"u1","messageId":"m2"}` + "\n",
			Audience{}, source.ShapeChanges, segment.ClassAudience,
			[]string{"1 u1// vip=true", "2 skipped: not_audience"},
		},
		"ids that stand for nobody": {
			"user_id,anonymous_id\nnull,a1\n-1,\n000,anonymous\nu\xff,\n", Audience{}, source.ShapeList, segment.ClassAudience,
			[]string{"2 /a1/=true", "3 rejected: no usable user id, anonymous id or e-mail address",
				"4 rejected: no usable user id, anonymous id or e-mail address", "5 rejected: not valid UTF-8"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zipped := new(bytes.Buffer)
			w := gzip.NewWriter(zipped)
			_, err := w.Write([]byte(tt.content))
			require.NoError(t, err)
			require.NoError(t, w.Close())
			for how, content := range map[string]string{"plain": tt.content, "gzip": zipped.String()} {
				s := setup(t, map[string]string{"Order Completed Last 30days.csv": content}, map[string]Audience{"*.csv": tt.audience})
				in := one(t, s)
				require.Equal(t, tt.shape, in.Shape, how)
				require.Equal(t, tt.class, in.Class, how)
				records, last, err := read(s, in, source.Position{})
				require.NoError(t, err, how)
				require.Equal(t, tt.want, records, how)
				require.True(t, last.Done, how)
			}
		})
	}
}

func TestChangesCarryWhatTheRowSays(t *testing.T) {
	t.Parallel()
	s := setup(t, map[string]string{"vip.csv": "user_id,timestamp,message_id,audience_name,audience_id,space_id,audience_action\n" +
		"u1,2026-01-02T03:04:05.123456789Z,m1,vip,aud_1,spa_1,true\nu2,,m2,vip,aud_1,spa_1,true\n"}, nil)
	var got []segment.TraitChange
	require.NoError(t, s.Read(context.Background(), one(t, s), source.Position{}, func(b source.Batch) error {
		for _, r := range b.Records {
			got = append(got, *r.Change)
		}
		return nil
	}))
	require.Equal(t, segment.TraitChange{
		Identity: segment.Identity{UserID: "u1"}, Key: "vip", Class: segment.ClassAudience, ComputationID: "aud_1", SpaceID: "spa_1",
		State: segment.ValueSet, Value: "true", At: time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC), MessageID: "m1",
	}, got[0])
	require.True(t, newYear.Equal(got[1].At), "without a time the file's counts")
}

func TestObjectsThatAreNoList(t *testing.T) {
	t.Parallel()
	s := setup(t, map[string]string{
		"dup.csv":     "user_id,email,User_ID\nu1,,u2\n",
		"empty.csv":   "",
		"noid.csv":    "name,luke@force.com\nx,y\n",
		"utf16.csv":   "\xff\xfeu\x00",
		"book.csv":    "PK\x03\x04\x14\x00",
		"page.csv":    "<!DOCTYPE html>",
		"psql.csv":    " user_id | email \n---------+-------\n u1      | x\n(1 row)\n",
		"mysql.csv":   "+---------+\n| user_id |\n+---------+\n| u1      |\n+---------+\n",
		"events.csv":  "event_name,user_id,message_id\nx,u1,m1\n",
		"!!!.csv":     "user_id\nu1\n",
		"junk.bin":    "\x00\x01\x02\x03",
		"cut.csv.gz":  "\x1f\x8b\x08\x00",
		"spaces.csv":  " \n\n",
		"badjson.txt": "{\"user_id\":“u1”}\n",
	}, nil)
	ins, rejected := inputs(t, s)
	require.Empty(t, ins)
	require.ElementsMatch(t, []string{
		"dup.csv: columns 1 and 3 of the header have the same name, and both would be read: remove one",
		`empty.csv: empty file: a list with nobody in it has a header line`,
		`spaces.csv: empty file: a list with nobody in it has a header line`,
		"utf16.csv: no column with an id: none of its columns (1) is user_id, anonymous_id, email or external_ids; is the header line missing, or does the id have another name (set columns under audiences)?",
		"book.csv: damaged zip: it ends in the middle: was the upload cut off?",
		"page.csv: XML or a web page: save it as CSV",
		"psql.csv: " + table.ErrSQLTable.Error(),
		"mysql.csv: " + table.ErrSQLTable.Error(),
		`events.csv: rows of AWS S3 (Actions), as the column "event_name" shows, without audience_action: add that column in Segment, or set list under audiences`,
		`!!!.csv: no trait key can be made of the name "!!!": set key under audiences`,
		"junk.bin: not text, because it holds zero bytes: save it as CSV",
		`cut.csv.gz: damaged gzip: it ends in the middle: was the upload cut off?`,
		`badjson.txt: no JSON object that can be read at its beginning`,
	}, dropPrefix(rejected, "noid.csv"))
	for _, r := range rejected {
		require.NotContains(t, r, "force.com", "an address of a file without a header")
	}
}

func dropPrefix(list []string, prefix string) []string {
	var kept []string
	for _, s := range list {
		if !strings.HasPrefix(s, prefix) {
			kept = append(kept, s)
		}
	}
	return kept
}

func TestAListThatCannotBeReadToItsEndIsAnError(t *testing.T) {
	t.Parallel()
	zipped := new(bytes.Buffer)
	w := gzip.NewWriter(zipped)
	_, err := fmt.Fprintln(w, "user_id")
	require.NoError(t, err)
	for i := range 5000 {
		_, err := fmt.Fprintf(w, "u%d\n", i*7919)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	for name, content := range map[string]string{
		"a quote in a plain field":  "user_id,email\nu1,\nu\"2,\n",
		"a quote without an end":    "user_id,email\nu1,\n\"u2,\nu3,\n",
		"too few columns":           "user_id,email\nu1,\nu2\n",
		"a row longer than allowed": "user_id,email\nu1,\n\"" + strings.Repeat("x\n", 1<<20),
		"a line longer than that":   "user_id,email\nu1,\n" + strings.Repeat("x", 2<<20) + "\nu3,\n",
		"a truncated gzip":          zipped.String()[:zipped.Len()-100],
		"JSON cut off":              "{\"user_id\":\"u1\"}\n\n{\"user_",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, map[string]string{"vip.csv": content}, nil)
			in := one(t, s)
			_, last, err := read(s, in, source.Position{})
			var damaged *source.DamagedError
			require.ErrorAs(t, err, &damaged)
			require.Equal(t, "vip.csv", damaged.Object)
			if name != "a truncated gzip" {
				require.EqualValues(t, 2, damaged.Line, "the last whole line")
			}
			require.False(t, last.Done)
		})
	}
}

func TestAListOfJunkIsGivenUp(t *testing.T) {
	t.Parallel()
	s := setup(t, map[string]string{"vip.csv": "user_id,email\n" + strings.Repeat("u1,\xff\n", 20_000)}, nil)
	records, _, err := read(s, one(t, s), source.Position{})
	require.ErrorIs(t, err, errJunk)
	require.LessOrEqual(t, len(records), 100)
}

func TestAListMayBeginWithRowsAboutNobody(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string]string{
		"of nobody":     strings.Repeat("null,\n", 30_000),
		"of bad values": strings.Repeat("u1,\xff\n", 9_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, map[string]string{"vip.csv": "user_id,email\n" + rows + "u2,\n"}, nil)
			records, last, err := read(s, one(t, s), source.Position{})
			require.NoError(t, err)
			require.True(t, last.Done)
			require.Len(t, records, strings.Count(rows, "\n")+1, "each bad row is told of")
			require.Contains(t, records[len(records)-1], " u2//=true")
		})
	}
}

func TestChangesAreReadOn(t *testing.T) {
	t.Parallel()
	const header = "user_id,audience_name,audience_action\n"
	s := setup(t, map[string]string{"d.csv": header + "u1,vip,true"}, nil)
	dir := strings.TrimPrefix(s.Bucket.URL(), "file://")
	_, first, err := read(s, one(t, s), source.Position{})
	require.NoError(t, err)
	require.True(t, first.Done)

	write(t, dir, "d.csv", header+"u1,vip,true\nu2,vip,true\n", newYear.Add(time.Hour))
	records, second, err := read(s, one(t, s), first)
	require.NoError(t, err)
	require.Equal(t, []string{"3 u2// vip=true"}, records)

	write(t, dir, "d.csv", header+"u9,vip,true\nu2,vip,true\nu3,vip,true\n", newYear.Add(2*time.Hour))
	records, _, err = read(s, one(t, s), second)
	require.NoError(t, err)
	require.Len(t, records, 3, "a rewritten object is read from its start")
}

func TestDamagedChangesGiveWhatWasWhole(t *testing.T) {
	t.Parallel()
	s := setup(t, map[string]string{"d.csv": "user_id,audience_name,audience_action\nu1,vip,true\nu2,vip\n\"u3,vip,true\n"}, nil)
	records, last, err := read(s, one(t, s), source.Position{})
	var damaged *source.DamagedError
	require.ErrorAs(t, err, &damaged)
	require.Equal(t, []string{"2 u1// vip=true", "3 rejected: 2 columns where the header has 3"}, records)
	require.True(t, last.Done)
}

func TestAnErrorOfTheCallerEndsTheReading(t *testing.T) {
	t.Parallel()
	s := setup(t, map[string]string{"vip.csv": "user_id\n" + strings.Repeat("u1\n", 5000)}, nil)
	calls := 0
	err := s.Read(context.Background(), one(t, s), source.Position{}, func(source.Batch) error {
		calls++
		return os.ErrDeadlineExceeded
	})
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Equal(t, 1, calls)
}

func BenchmarkRead(b *testing.B) {
	const rows = 1_000_000
	dir := b.TempDir()
	var list strings.Builder
	list.WriteString("user_id\n")
	for i := range rows {
		fmt.Fprintf(&list, "user-%09d\n", i)
	}
	require.NoError(b, os.WriteFile(filepath.Join(dir, "vip.csv"), []byte(list.String()), 0o600))
	s, err := New(context.Background(), Config{URL: "file://" + dir})
	require.NoError(b, err)
	ins, err := s.inputs(context.Background(), nil)
	require.NoError(b, err)
	b.SetBytes(int64(list.Len()))
	for b.Loop() {
		require.NoError(b, s.Read(context.Background(), ins[0], source.Position{}, func(source.Batch) error { return nil }))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
