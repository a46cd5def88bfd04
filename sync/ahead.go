package sync

import (
	"context"
	"iter"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/source"
)

// How many objects are fetched before their turn comes, and of how many bytes: a server
// that answers after 30 ms would otherwise be waited for twice an object.
const (
	mostAhead      = 16
	mostAheadBytes = 32 << 20
)

// readAhead returns objects in their order while the next ones are fetched.
func readAhead(ctx context.Context, f Feed, objects iter.Seq2[state.Listed, error]) iter.Seq2[state.Listed, error] {
	if f.Fetch == nil {
		return objects
	}
	return func(yield func(state.Listed, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		next, stop := iter.Pull2(objects)
		defer stop()
		var waiting []state.Listed
		var bytes int64
		var err error
		for more := true; ; {
			for more && err == nil && len(waiting) < mostAhead && bytes < mostAheadBytes {
				var o state.Listed
				if o, err, more = next(); more && err == nil {
					f.Fetch(ctx, asObject(o))
					waiting, bytes = append(waiting, o), bytes+o.Size
				}
			}
			if len(waiting) == 0 {
				break
			}
			first := waiting[0]
			waiting, bytes = waiting[1:], bytes-first.Size
			if !yield(first, nil) {
				return
			}
		}
		if err != nil {
			yield(state.Listed{}, err)
		}
	}
}

func asObject(o state.Listed) source.Object {
	return source.Object{Name: o.Name, Key: o.Key, Size: o.Size, ETag: o.ETag, ModTime: o.ModTime}
}
