// The SQL function pack, see pack.go.

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
const unsigned char *sqlite3_value_text(sqlite3_value *);
int sqlite3_value_bytes(sqlite3_value *);
void sqlite3_result_blob64(sqlite3_context *, const void *, unsigned long long, void (*)(void *));
void sqlite3_result_error_nomem(sqlite3_context *);

typedef struct { unsigned char *data; size_t size, room; int failed; } packed;

// more returns room for n more bytes, or 0 if there is no memory.
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

int add_pack(void) { return sqlite3_auto_extension((void (*)(void))register_pack); }
