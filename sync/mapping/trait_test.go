package mapping

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
)

func update1(values ...TraitValue) TraitUpdate {
	return TraitUpdate{
		Identity: segment.Identity{UserID: "u-1", AnonymousID: "a-1", EmailSHA1: "63a710569261a24b3766275b7000ce8d7b32e2f7"},
		Values:   values, At: now.Add(-time.Hour), Now: now,
	}
}

func TestTraitUpdate(t *testing.T) {
	t.Parallel()
	s := everything()
	s.CustomParameterMapping = map[string]string{"Text1": "traits.vip", "Text2": "properties.vip", "PageUrl": "traits.vip"}
	r, err := newMapper(t, s).Trait(update1(TraitValue{"vip", "true"}, TraitValue{"total_revenue_180_days", "450.0"}, TraitValue{"order_completed_last_30days", "false"}))
	require.NoError(t, err)
	golden(t, "trait.golden", show(Route{Kind: PageLoad}, r, nil))
}

func TestTraitUpdateRefusals(t *testing.T) {
	t.Parallel()
	m := newMapper(t, everything())
	u := update1(TraitValue{"vip", "true"})
	u.Identity = segment.Identity{EmailSHA1: u.Identity.EmailSHA1}
	_, err := m.Trait(u)
	require.Equal(t, &Refusal{Class: "identifier", Reason: "no identifier"}, refusal(t, err))
	_, err = m.Trait(update1(TraitValue{"customer_status", "x"}))
	require.Contains(t, refusal(t, err).Reason, "also a parameter")
	s := everything()
	s.PageURL = ""
	_, err = newMapper(t, s).Trait(update1(TraitValue{"vip", "true"}))
	require.Contains(t, refusal(t, err).Reason, "destination.pageUrl")
	u = update1(TraitValue{"vip", "true"})
	u.At = time.Time{}
	_, err = m.Trait(u)
	require.Equal(t, "time", refusal(t, err).Class)
}

func TestTraitValuesAreSafe(t *testing.T) {
	t.Parallel()
	u := update1(TraitValue{"long", strings.Repeat("ü", 300)}, TraitValue{"mail", "Write to sam@x.example!"}, TraitValue{"lines", "a\nb"})
	u.At = now.Add(time.Hour)
	r, err := newMapper(t, everything()).Trait(u)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("ü", 255), value(t, r, "long"))
	require.Equal(t, "Write to !", value(t, r, "mail"))
	require.Equal(t, "a b", value(t, r, "lines"))
	require.Equal(t, "2026-09-01T00:00:00Z", value(t, r, "EventDate"))
	require.Equal(t, []Note{{NoteFuture, "EventDate"}, {NoteCut, "long"}}, r.Notes)
	u.At = time.Unix(0, 0)
	r, err = newMapper(t, everything()).Trait(u)
	require.NoError(t, err)
	require.Equal(t, "2026-09-01T00:00:00Z", value(t, r, "EventDate"), "a list of 1970")
}

func TestCheckTraitKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"vip", "order_completed_last_30days", "Größe", "3_views"} {
		require.NoError(t, CheckTraitKey(key), key)
	}
	for _, key := range []string{"", "customer_id", "CLICKID", "text1", "item_sku1", "event_date", "a\nb", "a@b.example", strings.Repeat("k", 256)} {
		require.Error(t, CheckTraitKey(key), key)
	}
}

func TestTraitUpdatesLeaveOutWhatIsTakenAway(t *testing.T) {
	t.Parallel()
	s := everything()
	s.CustomParameterMapping = map[string]string{"customeremail": ""}
	u := update1(TraitValue{"vip", "true"})
	r, err := newMapper(t, s).Trait(u)
	require.NoError(t, err)
	require.NotEmpty(t, u.Identity.EmailSHA1)
	require.Empty(t, value(t, r, "CustomerEmail"))
}
