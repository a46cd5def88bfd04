package sqlite

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
__attribute__((constructor)) static void settings(void) {
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
	mallopt(M_TRIM_THRESHOLD, 4 << 20);
}
#endif
*/
import "C"

// SQLite's memory comes from glibc, which keeps an arena for each thread that has ever
// allocated, and Go calls SQLite from any of its threads. One arena for all saves about
// 30 MB; only a few threads are in SQLite at a time. It is set before Go starts its
// first threads, which would have arenas by then. Results of [Packed] have some hundred
// kilobytes, which would be taken from the system and given back for each of them.
