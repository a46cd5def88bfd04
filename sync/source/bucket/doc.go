// Package bucket is what the kinds of input share: the objects under a bucket
// URL, read decoded and cut into lines in bounded memory.
//
// The life of an object: [Bucket.Objects] lists it; [Bucket.Open] opens it,
// unpacks what its first bytes say it is packed in, and returns [source.ErrGone] or
// [source.ErrChanged] when it is no longer what was listed; a [Window] over it
// returns lines, a [Splitter] JSON records, and both know the position;
// [Reader.Verify] says at the end whether it stayed the same meanwhile.
package bucket
