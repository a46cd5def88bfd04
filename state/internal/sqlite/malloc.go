package sqlite

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
static void one_arena(void) { mallopt(M_ARENA_MAX, 1); }
#else
static void one_arena(void) {}
#endif
*/
import "C"

// SQLite's memory comes from glibc, which keeps an arena for each thread that has ever
// allocated, and Go calls SQLite from any of its threads. One arena for all saves about
// 25 MB; only a few threads are in SQLite at a time.
func init() { C.one_arena() }
