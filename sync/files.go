package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/bulk"
	"github.com/impactsync/impactsync/sync/transport"
)

// Route is the road that conversions go.
type Route string

// The roads of conversions.
const (
	ByAPI  Route = "api"  // each in a request
	ByFile Route = "file" // in files, but for those that no file can hold
	Auto   Route = "auto" // in files, what the API would not take in time
)

// Files says how conversions go by files.
type Files struct {
	Route Route // "" means ByAPI
	// Place is where the files go. It may be nil with ByAPI; then what earlier files left
	// open is still looked up.
	Place        *transport.Place
	Patience     time.Duration // Auto: how long a conversion may wait for the API's quota
	Orders       int           // at most, in one attempt; 0 means 5,000
	UnknownAfter time.Duration // a file that impact.com has not completed by then is unknown; 0 means 24 h
	LookEvery    time.Duration // at most so often impact.com's list of files is read; 0 means 5 minutes, less than 0 always
}

func (f Files) withDefaults() Files {
	if f.Orders <= 0 {
		f.Orders = 5000
	}
	if f.UnknownAfter <= 0 {
		f.UnknownAfter = 24 * time.Hour
	}
	if f.LookEvery == 0 {
		f.LookEvery = 5 * time.Minute
	}
	return f
}

// writesFiles reports whether this run sends conversions by files.
func (p *pass) writesFiles() bool {
	return (p.Files.Route == ByFile || p.Files.Route == Auto) && p.Files.Place != nil && !p.narrowed() && !p.eventsGap
}

// InFiles returns how many conversions are in files, or go in one next if all do that
// can: they take no requests.
func InFiles(roads state.ByRoad, all bool) int64 {
	n := roads.InFiles + roads.Unknown
	if all {
		n += roads.Undecided
	}
	return n
}

// openFolder connects to where the files go, once in a run.
func (p *pass) openFolder(ctx context.Context) (*transport.Folder, error) {
	if p.folder != nil {
		return p.folder, nil
	}
	folder, err := p.Files.Place.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Files.Place, err)
	}
	p.folder = folder
	return folder, nil
}

func (p *pass) closeFolder() error {
	if p.folder == nil {
		return nil
	}
	err := p.folder.Close()
	p.folder = nil
	return err
}

// temporary is a file's name until it is whole. impact.com documents that it ignores
// names that begin with receipt_, so it does not take half a file, whatever pattern of
// names it fetches:
// https://help.impact.com/en/support/solutions/articles/155000000556-beta-configure-an-ftp-ftps-connection-for-batch-jobs
func temporary(name string) string { return "receipt_" + name + ".part" }

// filesBefore is what is done about files before anything is sent: what a dead process
// left is recovered, impact.com is asked what became of others, and what the API would
// not take in time goes out.
func (p *pass) filesBefore(ctx context.Context) error {
	if p.narrowed() {
		return nil
	}
	err := errors.Join(p.recoverFiles(ctx), p.lookAtFiles(ctx))
	if p.Files.Route == Auto {
		err = errors.Join(err, p.sendFiles(ctx))
	}
	return err
}

// sendFiles sends by files what the route says, until nothing is left that can go.
func (p *pass) sendFiles(ctx context.Context) error {
	if !p.writesFiles() {
		return nil
	}
	if end := p.options.Deadline; !end.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	for ctx.Err() == nil {
		most, err := p.fileRoom(ctx)
		if err != nil || most == 0 {
			return err
		}
		folder, err := p.openFolder(ctx)
		if err != nil {
			return p.filesStopped(ctx, err)
		}
		claimed, err := p.State.ClaimFiles(ctx, state.FileClaim{
			Most: most, Last: p.Files.Route == Auto, MaxAge: bulk.MaxAge * 24 * time.Hour, AttributionWait: p.AttributionWait, Place: p.Files.Place.String(),
		})
		if err != nil || claimed == nil {
			return err
		}
		p.Point("files claimed")
		if err := p.writeFiles(ctx, folder, claimed); err != nil {
			return p.filesStopped(ctx, err)
		}
	}
	return p.filesStopped(ctx, ctx.Err())
}

// filesStopped tells a run that is to stop from one whose files cannot be sent.
func (p *pass) filesStopped(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		if p.unfinished == "" {
			p.unfinished = Cause(ctx, ctx.Err()).Error()
		}
		p.interrupted = p.interrupted || errors.Is(context.Cause(ctx), ErrInterrupted)
		return nil
	}
	return err
}

// fileRoom returns how many orders the next attempt may have.
func (p *pass) fileRoom(ctx context.Context) (int, error) {
	roads, err := p.State.Roads(ctx)
	if err != nil || roads.Undecided == 0 {
		return 0, err
	}
	n := roads.Undecided
	if p.Files.Route == Auto {
		_, _, conversions, err := p.State.Due(ctx)
		if err != nil {
			return 0, err
		}
		waiting := conversions.Open() - roads.InFiles - roads.Unknown
		taken, err := p.inTime(ctx, waiting)
		if err != nil {
			return 0, err
		}
		n = min(n, waiting-taken)
	}
	return int(min(n, int64(p.Files.Orders))), nil
}

// inTime returns how many of n conversions the API takes within the patience.
func (p *pass) inTime(ctx context.Context, n int64) (int64, error) {
	hosts, err := p.State.Hosts(ctx)
	if err != nil {
		return 0, err
	}
	fits := func(n int64) bool {
		return p.Rates.Take(hosts, 0, n, p.now()).APIHost <= p.Files.Patience.Seconds()
	}
	if fits(n) {
		return n, nil
	}
	low, high := int64(0), n // low fits, or nothing does; high does not
	for high-low > 1 {
		if middle := low + (high-low)/2; fits(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}

// recoverFiles finds out whether files got their names that a dead process was about to
// name, and removes what it left of others.
func (p *pass) recoverFiles(ctx context.Context) error {
	files, err := p.State.OpenFiles(ctx, state.FileLeaving, state.FileWithdrawn)
	if err != nil {
		return fmt.Errorf("read which files are under way: %w", err)
	}
	for _, f := range files {
		switch {
		case f.Status == state.FileWithdrawn && f.Tidied:
		case p.Files.Place == nil || p.Files.Place.String() != f.Place:
			if f.Status == state.FileLeaving { // it may have its name there
				err = p.State.FileSent(ctx, f.ID, "the process ended before it was known to be there, and the configuration now names another place")
			}
		default:
			err = p.recoverFile(ctx, f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *pass) recoverFile(ctx context.Context, f state.File) error {
	folder, err := p.openFolder(ctx)
	if err != nil {
		return p.filesStopped(ctx, err)
	}
	if f.Status == state.FileWithdrawn {
		return p.tidy(ctx, folder, f)
	}
	return p.wasNamed(ctx, folder, f)
}

// tidy removes what is left of a file that never got its name.
func (p *pass) tidy(ctx context.Context, folder *transport.Folder, f state.File) error {
	if err := folder.Remove(temporary(f.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return p.filesStopped(ctx, fmt.Errorf("remove what is left of the file %s: %w", f.Name, err))
	}
	return p.State.FileTidied(ctx, f.ID)
}

// wasNamed finds out whether a file got its name. Under its temporary name it still
// would be there if it had not: if both are gone, impact.com has it or somebody took it
// away.
func (p *pass) wasNamed(ctx context.Context, folder *transport.Folder, f state.File) error {
	size, err := folder.Size(f.Name)
	if err == nil { // a folder of this machine has both names for a moment
		_ = folder.Remove(temporary(f.Name))
	}
	switch {
	case err == nil && size == f.Bytes:
		return p.State.FileSent(ctx, f.ID, "")
	case err == nil:
		return p.State.FileSent(ctx, f.ID, fmt.Sprintf("its size there is %d, and %d was written", size, f.Bytes))
	case !errors.Is(err, fs.ErrNotExist):
		return p.filesStopped(ctx, fmt.Errorf("look for the file %s: %w", f.Name, err))
	}
	if _, err := folder.Size(temporary(f.Name)); errors.Is(err, fs.ErrNotExist) {
		return p.State.FileSent(ctx, f.ID, "it is not there any more: impact.com fetched it, or somebody took it away")
	} else if err != nil {
		return p.filesStopped(ctx, fmt.Errorf("look for the file %s: %w", f.Name, err))
	}
	if err := p.State.WithdrawFile(ctx, f.ID, "it did not get its name"); err != nil {
		return err
	}
	return p.tidy(ctx, folder, f)
}

// unfitForFiles reports whether orders were left to the API that it can take now.
func (p *pass) unfitForFiles(ctx context.Context) bool {
	if !p.writesFiles() || p.unfinished != "" || ctx.Err() != nil {
		return false
	}
	roads, err := p.State.Roads(ctx)
	return err == nil && roads.ByAPI > 0
}
