package config

import (
	"fmt"

	"github.com/impactsync/impactsync/sync/mapping"
)

// eventList is one of the lists of event names, with its key.
type eventList struct {
	key   string
	names *EventNames
}

// eventLists are the lists in the order in which they count.
func (d *Destination) eventLists() [3]eventList {
	return [...]eventList{
		{"destination.actionEventNames", &d.ActionEventNames},
		{"destination.installEventNames", &d.InstallEventNames},
		{"destination.pageLoadEventNames", &d.PageLoadEventNames},
	}
}

// checkEventNames warns of a name in two lists: it goes by one of them only.
func (l loader) checkEventNames() {
	first := map[string]string{}
	for _, list := range l.config.Destination.eventLists() {
		for i, name := range list.names.Named() {
			at := fmt.Sprintf("%s[%d]", list.key, i)
			if list.names.Replace {
				at = fmt.Sprintf("%s.only[%d]", list.key, i)
			}
			folded := mapping.FoldEvent(name)
			other, twice := first[folded]
			switch {
			case !twice:
				first[folded] = list.key
			case other != list.key:
				l.warn(at, fmt.Sprintf("%s is in %s too (case does not count), and follows that list", l.quote(at, name), other), "keep it in one of them")
			}
		}
	}
}
