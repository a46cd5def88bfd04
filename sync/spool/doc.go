// Package spool keeps lines in a folder of files: durably, before whoever brought
// them is answered, and in bounded room.
//
// A file is NDJSON in gzip members, one for each group of lines that were synced
// together. While it grows its name ends in .part, which readers pass over; it is
// renamed when it is complete. What a crash leaves is cut after the last whole member
// and completed when the spool is opened again, so all that was acknowledged is there.
// Nothing here removes a complete file: only who has read it can know that it may go.
package spool
