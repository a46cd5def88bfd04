package sqlite

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
__attribute__((constructor)) static void keep_little(void) {
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
}
#endif
*/
import "C"

// SQLite's memory comes from glibc, which keeps an arena for each thread that has ever
// allocated, and Go calls SQLite from any of its threads. One arena for all saves about
// 30 MB; only a few threads are in SQLite at a time. It is set before Go starts its
// first threads, which would have arenas by then. The threshold lets the 16 MB of a
// sorter go back to the system when it is done.
