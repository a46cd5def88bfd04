package bucket

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"gocloud.dev/blob"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
)

// Objects lists the objects, each once, in no particular order and in memory that
// does not grow with them. It leaves out what is not an input: the dummy-object.txt
// of Segment's Validate button
// (https://segment.com/docs/connections/storage/catalog/aws-s3/), hidden files
// and folders, half-written files (*.tmp, *.part), and what [IsMarker] knows.
// In file://, links to folders are not followed. Links to files are, but one that
// leads out of the folder is [source.Object.Unusable], see [Options].
//
// An object's ETag is its MD5 if the listing has one, else its size and time; no
// object costs a request of its own. An error ends the listing.
func (b *Bucket) Objects(ctx context.Context) iter.Seq2[source.Object, error] {
	return b.ObjectsIn(ctx, nil)
}

// Choice says how a folder is listed.
type Choice int

// A folder may be listed one by one of those in it, whole (which takes the fewest
// requests), or not at all.
const (
	Inside Choice = iota
	Whole
	Skip
)

// ObjectsIn is [Bucket.Objects] of the folders that choose leaves, each of which is
// named with a / at its end. A nil choose leaves all, and costs no request for each.
func (b *Bucket) ObjectsIn(ctx context.Context, choose func(folder string) Choice) iter.Seq2[source.Object, error] {
	return func(yield func(source.Object, error) bool) {
		for o, err := range b.list(ctx, choose) {
			if err == nil && IsMarker(o.Name) {
				continue
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

// List is like [Bucket.Objects] but includes the markers.
func (b *Bucket) List(ctx context.Context) iter.Seq2[source.Object, error] { return b.list(ctx, nil) }

func (b *Bucket) list(ctx context.Context, choose func(folder string) Choice) iter.Seq2[source.Object, error] {
	return func(yield func(source.Object, error) bool) {
		w := walk{Bucket: b, choose: choose, yield: func(o source.Object, err error) bool {
			return err == nil && isNoInput(o.Name) || yield(shown(o), err)
		}}
		switch {
		case b.dir != "":
			w.folder(ctx, "")
		case choose != nil:
			w.remote(ctx, &blob.ListOptions{Delimiter: "/"})
		default:
			w.remote(ctx, nil)
		}
	}
}

// walk is one listing.
type walk struct {
	*Bucket
	choose func(folder string) Choice // nil: all of them, whole
	yield  func(source.Object, error) bool
}

// shown returns an object under a name without e-mail addresses, because names go
// into logs and the state. Each part of the path that holds an address is replaced
// by a hash; the extensions that tell the file's format stay.
func shown(o source.Object) source.Object {
	if !segment.HoldsEmail(o.Name) {
		return o
	}
	parts := strings.Split(o.Name, "/")
	for i, part := range parts {
		if !segment.HoldsEmail(part) {
			continue
		}
		sum := sha256.Sum256([]byte(part))
		kind := ""
		for slices.Contains(kinds, strings.ToLower(path.Ext(part))) {
			kind = path.Ext(part) + kind
			part = strings.TrimSuffix(part, path.Ext(part))
		}
		parts[i] = "address-" + hex.EncodeToString(sum[:6]) + kind
	}
	o.Key, o.Name = o.Name, strings.Join(parts, "/")
	return o
}

var kinds = []string{".csv", ".tsv", ".json", ".ndjson", ".jsonl", ".log", ".txt", ".parquet", ".gz", ".zst", ".bz2", ".zip"}

func keyOf(o source.Object) string { return cmp.Or(o.Key, o.Name) }

func isNoInput(name string) bool {
	if strings.HasPrefix(name, ".") || strings.Contains(name, "/.") || strings.HasSuffix(name, "/") {
		return true
	}
	base := path.Base(name)
	ext := path.Ext(base)
	return base == "dummy-object.txt" || ext == ".attrs" || ext == ".tmp" || ext == ".part" || ext == ".crc"
}

// IsMarker reports whether an object is one that programs write beside their data:
// markers of folders and jobs (Spark, Hadoop, Databricks, EMR), the folders of
// Delta tables, and manifests.
func IsMarker(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		switch part {
		case "_SUCCESS", "_metadata", "_common_metadata", "_delta_log", "_change_data", "_temporary", "_spark_metadata", "_symlink_format_manifest":
			return true
		}
	}
	base := path.Base(name)
	return strings.HasPrefix(base, "_committed_") || strings.HasPrefix(base, "_started_") || strings.HasSuffix(base, "_$folder$") || IsManifest(name)
}

// IsManifest reports whether an object lists the files of an export, by the names
// of Redshift (PREFIXmanifest, with no other extension than .json) and Athena
// (ID-manifest.csv).
func IsManifest(name string) bool {
	base := strings.ToLower(path.Base(name))
	return strings.HasSuffix(strings.TrimSuffix(base, ".json"), "manifest") || athenaManifest(base)
}

var athenaManifest = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-manifest\.csv$`).MatchString

// remote lists what options say, and returns whether the caller wants more.
func (w *walk) remote(ctx context.Context, options *blob.ListOptions) (more bool) {
	it := w.blob.List(options)
	for {
		o, err := it.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return true
		case err != nil:
			w.yield(source.Object{}, w.explain("list", err))
			return false
		case o.IsDir:
			more = w.choose == nil || w.remoteFolder(ctx, o.Key)
		default:
			more = w.yield(fromListing(o), nil)
		}
		if !more {
			return false
		}
	}
}

func (w *walk) remoteFolder(ctx context.Context, name string) (more bool) {
	switch w.choose(name) {
	case Skip:
		return true
	case Whole:
		return w.remote(ctx, &blob.ListOptions{Prefix: name})
	}
	return w.remote(ctx, &blob.ListOptions{Prefix: name, Delimiter: "/"})
}

func fromListing(o *blob.ListObject) source.Object {
	tag := hex.EncodeToString(o.MD5)
	if tag == "" {
		tag = sizeAndTime(o.Size, o.ModTime)
	}
	return source.Object{Name: o.Key, Size: o.Size, ETag: tag, ModTime: o.ModTime}
}

func sizeAndTime(size int64, at time.Time) string { return fmt.Sprint(size, "-", at.UnixNano()) }

// folderPart is how many entries of a folder are held and sorted at a time.
const folderPart = 16 << 10

// folder lists one folder and those in it, and returns whether the caller wants
// more. name is its path with a / at the end, or empty for the bucket's own. A
// folder that vanishes meanwhile is passed over; one that may not be read is an
// error, because a list in it would seem to be missing.
//
// gocloud.dev's own listing is not used: it passes over folders that it may not
// read, reports the size of a link instead of its file's, and loses names at the
// end of a page if one folder's name begins with another's.
func (w *walk) folder(ctx context.Context, name string) (more bool) {
	f, err := os.Open(filepath.Join(w.dir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) && name != "" {
		return true
	}
	if err != nil {
		return w.cannotList(err)
	}
	defer f.Close()
	for {
		entries, err := f.ReadDir(folderPart)
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			return w.cannotList(err)
		}
		slices.SortFunc(entries, func(x, y fs.DirEntry) int { return strings.Compare(inPath(x), inPath(y)) })
		for _, e := range entries {
			if !w.entry(ctx, name+e.Name(), e) {
				return false
			}
		}
	}
}

func (w *walk) cannotList(err error) bool {
	w.yield(source.Object{}, fmt.Errorf("%s: list the folder: %w", w.name, err))
	return false
}

// inPath returns a name as it is written in a path. A listing is ordered by path,
// because the state looks up neighbours faster.
func inPath(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

func (w *walk) entry(ctx context.Context, name string, e fs.DirEntry) (more bool) {
	if ctx.Err() != nil {
		return w.cannotList(context.Cause(ctx))
	}
	if e.IsDir() {
		passed := strings.HasPrefix(e.Name(), ".") || e.Name() == "lost+found" || w.choose != nil && w.choose(name+"/") == Skip
		return passed || w.folder(ctx, name+"/")
	}
	file := filepath.Join(w.dir, filepath.FromSlash(name))
	info, err := os.Stat(file)
	// A link to nothing, or in a circle, is not a file.
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ELOOP) || err == nil && !info.Mode().IsRegular() {
		return true
	}
	if err != nil {
		return w.cannotList(err)
	}
	o := source.Object{Name: name, Size: info.Size(), ModTime: info.ModTime(), ETag: sizeAndTime(info.Size(), info.ModTime())}
	if e.Type()&fs.ModeSymlink != 0 && !w.options.FollowLinks && !w.holds(file) {
		o.Unusable = "a link that leads out of the source's folder: copy the file, or set followLinks: true"
	}
	return w.yield(o, nil)
}

// holds reports whether a link leads to a file in the folder, as those of
// Kubernetes' mounted ConfigMaps do.
func (b *Bucket) holds(link string) bool {
	file, err := filepath.EvalSymlinks(link)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(b.dir, file)
	return err == nil && filepath.IsLocal(rel)
}
