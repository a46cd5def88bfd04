package sqlite

/*
#include <stdlib.h>
#include <string.h>

// Of sqlite3.h, which comes with the driver's package and cannot be included from here.
typedef struct sqlite3 sqlite3;
typedef struct sqlite3_context sqlite3_context;
typedef struct sqlite3_value sqlite3_value;
typedef struct sqlite3_api_routines sqlite3_api_routines;
#define SQLITE_UTF8 1
#define SQLITE_DETERMINISTIC 0x800
#define SQLITE_INNOCUOUS 0x200000
#define SQLITE_INTEGER 1
#define SQLITE_NULL 5
int sqlite3_auto_extension(void (*)(void));
int sqlite3_create_function_v2(sqlite3 *, const char *, int, int, void *, void (*)(sqlite3_context *, int, sqlite3_value **),
	void (*)(sqlite3_context *, int, sqlite3_value **), void (*)(sqlite3_context *), void (*)(void *));
void *sqlite3_aggregate_context(sqlite3_context *, int);
void *sqlite3_realloc64(void *, unsigned long long);
void sqlite3_free(void *);
int sqlite3_value_type(sqlite3_value *);
long long sqlite3_value_int64(sqlite3_value *);
const void *sqlite3_value_blob(sqlite3_value *);
const unsigned char *sqlite3_value_text(sqlite3_value *);
int sqlite3_value_bytes(sqlite3_value *);
void sqlite3_result_blob64(sqlite3_context *, const void *, unsigned long long, void (*)(void *));
void sqlite3_result_error_nomem(sqlite3_context *);

typedef struct { unsigned char *data; size_t size, room; int failed; } packed;

static unsigned char *more(packed *p, size_t n) {
	if (p->room - p->size < n) {
		size_t room = 2 * p->room + n + 4096;
		unsigned char *data = sqlite3_realloc64(p->data, room);
		if (!data) {
			p->failed = 1;
			return 0;
		}
		p->data = data;
		p->room = room;
	}
	p->size += n;
	return p->data + p->size - n;
}

static void pack_step(sqlite3_context *c, int n, sqlite3_value **values) {
	packed *p = sqlite3_aggregate_context(c, sizeof(packed));
	for (int i = 0; p && !p->failed && i < n; i++) {
		unsigned char *to;
		switch (sqlite3_value_type(values[i])) {
		case SQLITE_NULL:
			if ((to = more(p, 1)))
				to[0] = 'n';
			break;
		case SQLITE_INTEGER: {
			long long number = sqlite3_value_int64(values[i]);
			int small = number == 0 || number == 1;
			if ((to = more(p, small ? 1 : 1 + sizeof number))) {
				to[0] = small ? '0' + number : 'i';
				if (!small)
					memcpy(to + 1, &number, sizeof number);
			}
			break;
		}
		default: {
			const unsigned char *text = sqlite3_value_text(values[i]);
			int size = sqlite3_value_bytes(values[i]);
			if (!text && size > 0)
				p->failed = 1;
			else if ((to = more(p, 1 + sizeof size + size))) {
				to[0] = 't';
				memcpy(to + 1, &size, sizeof size);
				memcpy(to + 1 + sizeof size, text, size);
			}
		}
		}
	}
}

static void pack_final(sqlite3_context *c) {
	packed *p = sqlite3_aggregate_context(c, 0);
	if (!p)
		sqlite3_result_blob64(c, "", 0, 0);
	else if (p->failed) {
		sqlite3_free(p->data);
		sqlite3_result_error_nomem(c);
	} else
		sqlite3_result_blob64(c, p->data, p->size, sqlite3_free);
}

static int register_pack(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
	return sqlite3_create_function_v2(db, "pack", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, 0, 0, pack_step, pack_final, 0);
}

static int add_pack(void) { return sqlite3_auto_extension((void (*)(void))register_pack); }
*/
import "C"

import "encoding/binary"

// The SQL function pack(...) returns the values of all rows as one blob: the way from
// SQLite to Go costs several times what a row itself does. Every connection of this
// process has the function. In the blob, each value begins with a byte for its type:
//
//	n     NULL
//	0, 1  that integer
//	i     any other integer: its eight bytes follow
//	t     anything else, as a text: four bytes for its length and the text follow
//
// Numbers have the machine's byte order.
func init() {
	if C.add_pack() != 0 {
		panic("sqlite: the function pack cannot be added")
	}
}

// Packed is what is still to be read of a result of pack.
type Packed string

// Value is one of its values.
type Value struct {
	Type Type
	Int  int64
	Text string
}

// Type is the type of a [Value].
type Type byte

// The types. Whatever is neither NULL nor an integer is a text.
const (
	Null Type = iota
	Integer
	Text
)

// Next fills values with the next ones, and reports whether that many were left. If not,
// p does not move on. The texts share p's memory.
func (p *Packed) Next(values []Value) bool {
	const ofInt, ofLength = 1 + 8, 1 + 4
	left := string(*p)
	for i := range values {
		if left == "" {
			return false
		}
		v, size := Value{}, 1
		switch left[0] {
		case 'n':
		case '0', '1':
			v.Type, v.Int = Integer, int64(left[0]-'0')
		case 'i':
			if size = ofInt; len(left) < size {
				return false
			}
			v.Type, v.Int = Integer, int64(binary.NativeEndian.Uint64([]byte(left[1:size])))
		case 't':
			if len(left) < ofLength {
				return false
			}
			if size = ofLength + int(binary.NativeEndian.Uint32([]byte(left[1:ofLength]))); len(left) < size {
				return false
			}
			v.Type, v.Text = Text, left[ofLength:size]
		default:
			return false
		}
		values[i], left = v, left[size:]
	}
	*p = Packed(left)
	return true
}
