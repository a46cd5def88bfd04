package daemon

import "time"

// SetNow gives a daemon another clock on the wall.
func (d *Daemon) SetNow(now func() time.Time) { d.now = now }
