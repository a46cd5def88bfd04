package sqlite

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
__attribute__((constructor)) static void one_arena(void) { mallopt(M_ARENA_MAX, 1); }
#endif
*/
import "C"

// SQLite's memory comes from glibc, which keeps an arena for each thread that has ever
// allocated, and Go calls SQLite from any of its threads. One arena for all saves about
// 30 MB; only a few threads are in SQLite at a time. It is set before Go starts its
// first threads, which would have arenas by then.
