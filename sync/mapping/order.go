package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
)

// orderID adds the order's id. Without one, the message's own id serves: it is the
// same in a retry, but a refund, or a copy of the order under another messageId,
// does not match it.
func (b *build) orderID(s *step) {
	own := len(s.paths) - 1 // the last path is the message's own id
	for i := range s.paths[:own] {
		if b.put(s, b.resolve(&s.paths[i])) {
			return
		}
	}
	if b.mapper.carriesMoney(b.msg) {
		if b.mapper.settings.MissingOrderID == MissingRefuse {
			b.refuse("order", "order without order_id and with money")
			return
		}
		b.note(NoteOrderID, s.name)
	}
	b.put(s, b.resolve(&s.paths[own]))
}

// isOrderID reports whether a text identifies one order. The macro makes impact.com
// generate an id, another one in each retry.
func isOrderID(id string) bool {
	const macro = "IR_AN_64_TS"
	return segment.UsableID(id) && !strings.EqualFold(strings.TrimSpace(id), macro)
}

// maxOrderID is the documented length of an OrderId
// (https://integrations.impact.com/impact-brand/reference/the-conversion-object).
const maxOrderID = 64

// shortOrderID replaces an id that is too long by its hash, which is unique and the
// same in every retry; a shortened id might not be unique.
func shortOrderID(id string) string {
	if _, long := cutText(id, maxOrderID); !long {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}
