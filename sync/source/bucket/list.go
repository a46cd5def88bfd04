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
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
)

// Objects lists the objects in the order of their names. It leaves out what is
// no input: the dummy-object.txt of Segment's Validate button
// (https://segment.com/docs/connections/storage/catalog/aws-s3/), hidden files
// and folders, markers of folders and of finished jobs, and half-written files
// (*.tmp, *.part). Folders of file:// that are links are not followed; files
// that are links are.
//
// An object's ETag is its MD5 where the listing has one, else made of its size
// and time; no object costs a request of its own. An error ends the listing.
func (b *Bucket) Objects(ctx context.Context) iter.Seq2[source.Object, error] {
	list := b.remote
	if b.dir != "" {
		list = b.local
	}
	return func(yield func(source.Object, error) bool) {
		err := list(ctx, func(o source.Object) bool {
			return isNoInput(o.Name) || yield(shown(o), nil)
		})
		if err != nil {
			yield(source.Object{}, err)
		}
	}
}

// shown gives an object a name that holds no e-mail address, since names go
// into logs and the state. Each part of the path with an address in it becomes
// a word of its own; what tells the file's kind stays.
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

var kinds = []string{".csv", ".tsv", ".json", ".ndjson", ".jsonl", ".log", ".txt", ".gz"}

func keyOf(o source.Object) string { return cmp.Or(o.Key, o.Name) }

func isNoInput(name string) bool {
	if strings.HasPrefix(name, ".") || strings.Contains(name, "/.") || strings.HasSuffix(name, "/") {
		return true
	}
	switch base := path.Base(name); base {
	case "dummy-object.txt", "_SUCCESS":
		return true
	default:
		ext := path.Ext(base)
		return ext == ".attrs" || ext == ".tmp" || ext == ".part"
	}
}

func (b *Bucket) remote(ctx context.Context, yield func(source.Object) bool) error {
	it := b.blob.List(nil)
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return b.explain("list", err)
		}
		if !o.IsDir && !yield(fromListing(o)) {
			return nil
		}
	}
}

func fromListing(o *blob.ListObject) source.Object {
	tag := hex.EncodeToString(o.MD5)
	if tag == "" {
		tag = sizeAndTime(o.Size, o.ModTime)
	}
	return source.Object{Name: o.Key, Size: o.Size, ETag: tag, ModTime: o.ModTime}
}

func sizeAndTime(size int64, at time.Time) string {
	return fmt.Sprintf("%d-%d", size, at.UnixNano())
}

// local lists a folder itself: gocloud.dev's listing passes over folders that
// it may not read, gives links their own size instead of their file's, and
// loses names at the end of a page where a folder's name begins another's.
func (b *Bucket) local(ctx context.Context, yield func(source.Object) bool) error {
	var objects []source.Object
	err := filepath.WalkDir(b.dir, func(file string, entry fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil || entry.IsDir() {
			return enter(file, entry, err, file == b.dir)
		}
		info, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(b.dir, file)
		objects = append(objects, source.Object{
			Name: filepath.ToSlash(name), Size: info.Size(), ModTime: info.ModTime(),
			ETag: sizeAndTime(info.Size(), info.ModTime()),
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: list the folder: %w", b.name, err)
	}
	slices.SortFunc(objects, func(x, y source.Object) int { return strings.Compare(x.Name, y.Name) })
	for _, o := range objects {
		if !yield(o) {
			return nil
		}
	}
	return nil
}

// enter decides whether a folder is walked into. What vanishes meanwhile is
// passed over; what may not be read is an error, for a list in it would seem
// to be missing.
func enter(file string, entry fs.DirEntry, err error, isRoot bool) error {
	base := filepath.Base(file)
	switch {
	case isRoot:
		return err
	case entry.IsDir() && (strings.HasPrefix(base, ".") || base == "lost+found"):
		return fs.SkipDir
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}
