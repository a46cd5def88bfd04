package table

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// read returns the first column of ids, what was passed over, and the error.
func read(text string) (ids, skipped []string, err error) {
	h, err := ReadHeader([]byte(text), true, func(names []string) int { return len(Columns{}.Find(names).Columns()) })
	if err != nil {
		return nil, nil, err
	}
	columns := Columns{}.Find(h.Names)
	if len(columns[UserID]) == 0 {
		return nil, nil, errors.New("no column")
	}
	r := NewReader(strings.NewReader(text), h, 1<<20)
	for {
		row, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return ids, skipped, nil
		case err != nil:
			return ids, skipped, err
		case row.Skipped != "":
			skipped = append(skipped, row.Skipped)
		default:
			ids = append(ids, row.Fields[columns[UserID][0]])
		}
	}
}

func TestDialects(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text    string
		skipped []string
	}{
		"plain":                         {"user_id,x\nu1,a\nu2,b\n", nil},
		"a mark, blank lines, CR LF":    {"\ufeff\r\n\r\n\"User ID\",x\r\nu1,a\r\n\r\nu2,b\r\n", nil},
		"semicolons as Excel says":      {"sep=;\r\nuserId;x\r\nu1;a,b\r\nu2;\r\n", nil},
		"the same in quotes":            {"\ufeff\"SEP=\t\"\nuserId\tx\nu1\ta\nu2\tb\n", nil},
		"Hive":                          {"user_id\x01x\nu1\x01a\nu2\x01b\n", nil},
		"a delimiter more in rows":      {"user_id,x\nu1,a,\nu2,b,,\n", nil},
		"a delimiter more in the head":  {"user_id,x,\nu1,a\nu2,b,\n", nil},
		"two columns that nobody reads": {"user_id,x,x\nu1,a,b\nu2,a,b\n", nil},
		"text in another encoding":      {"user_id,Stra\xdfe\nu1,K\xf6ln\nu2,x\n", nil},
		"backslashes":                   {"user_id,x\nu1,\"12\\\" pizza\"\nu2,\"a\\\\\"\n", nil},
		"a quote at the end":            {"x,user_id\n\"5\\\"\",u1\n\"say \\\"hi\\\"\",u2\n", nil},
		"a backslash that means itself": {"user_id,x\nu1,\"C:\\\"\nu2,\"\\\"\"\"\n", nil},
		"shards put together":           {"user_id,x\nu1,a\nuser_id,x\nu2,b\n\ufeffUSER_ID,x\n", []string{RepeatedHeader, RepeatedHeader}},
		"psql":                          {"user_id,x\nu1,a\nu2,b\n(2 rows)\n", []string{Footer}},
		"Oracle":                        {"user_id\nu1\nu2\n\n2 rows selected.\n", []string{Footer}},
		"mysql":                         {"user_id\nu1\nu2\n2 rows in set (0.00 sec)\n", []string{Footer}},
		"sqlcmd":                        {"user_id\nu1\nu2\n\n(2 rows affected)\n", []string{Footer}},
		"id, alone":                     {"name,ID\na,u1\nb,u2\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids, skipped, err := read(c.text)
			require.NoError(t, err)
			require.Equal(t, []string{"u1", "u2"}, ids)
			require.Equal(t, c.skipped, skipped)
		})
	}
	for name, c := range map[string]struct{ text, want string }{
		"psql's screen":          {" user_id | x \n---------+---\n u1      | a\n", ErrSQLTable.Error()},
		"mysql's screen":         {"+---------+\n| user_id |\n+---------+\n| u1      |\n", ErrSQLTable.Error()},
		"sqlcmd's screen":        {"user_id x\n------- -\nu1      a\n", ErrSQLTable.Error()},
		"Markdown":               {"| user_id |\n|---|\n| u1 |\n", ErrSQLTable.Error()},
		"columns in other order": {"user_id,email\nu1,a\nemail,user_id\nb,u2\n", "another header"},
		"a field too many":       {"user_id,x\nu1,a,b\n", "3 columns where the header has 2"},
		"an escaped delimiter":   {"user_id,x\nu1,a\\,b\n", "escaped by a backslash"},
		"a late backslash":       {"user_id,x\n" + strings.Repeat("u1,a\n", 20) + "u2,\"a\"b\\\"\n", "backslash"},
		"id and another id":      {"id,customer_id\n1,2\n", "no column"},
		"id and an address":      {"id,email\n1,2\n", "no column"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := read(c.text)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"user_id", "User ID", "userId", "user-id", "UserID", "USER_ID", "\ufeffuser_id", `"user id"`, "user_id_1", "userId2", " user_id "} {
		require.Equal(t, UserID, KindOf(name), name)
	}
	for _, name := range []string{"Anonymous ID", "anonymousId", "anonymous_id_2"} {
		require.Equal(t, AnonymousID, KindOf(name), name)
	}
	for _, name := range []string{"E-mail", "email address", "EmailAddress", "E-Mail-Address", "email_1"} {
		require.Equal(t, Email, KindOf(name), name)
	}
	for _, name := range []string{"id", "customer_id", "user", "useridx", "email_sha256", ""} {
		require.Equal(t, None, KindOf(name), name)
	}
	own := Columns{UserID: "Customer-No"}
	require.Equal(t, IDs{UserID: {1}, Email: {2}}, own.Find([]string{"user_id", "customer_no", "Email"}))
}

func TestForeign(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{\\rtf1", "ORC\x00", "BZh9\x00", "<?xml?>", "a\x00b"} {
		require.Error(t, Foreign([]byte(text)), text)
	}
	for _, text := range []string{"", "user_id\n", "ORC-1\n", "BZh1\n", "PAR2\n"} {
		require.NoError(t, Foreign([]byte(text)), text)
	}
}
