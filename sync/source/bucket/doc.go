// Package bucket reads the objects under a bucket URL, decoded and cut into lines,
// in bounded memory. All kinds of input share it.
//
// The life of an object: [Bucket.Objects] lists it. [Bucket.Open] opens and unpacks
// it, and returns [source.ErrGone] or [source.ErrChanged] if it is no longer what
// was listed. A [Window] over it returns lines, a [Splitter] JSON records, and both
// know the position. [Reader.Verify] says at the end whether the object stayed the
// same meanwhile. [Bucket.Put] and [Bucket.Get] move whole objects, such as backups.
package bucket
