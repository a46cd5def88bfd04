package sync

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
)

func TestReadingOfVerdicts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status, errorType string
		reasons           []string
		want              string
	}{
		{"Queued", "", nil, VerdictWaiting},
		{"In Progress", "Validation", []string{"MALFORMED"}, VerdictWaiting},
		{"Complete", "", nil, VerdictCounted},
		{"COMPLETE", "Contract Error", []string{"CONTRACT_NOT_FOUND"}, VerdictNoPartner},
		{"Complete", "Contract Error", []string{"CONTRACT_NOT_FOUND", "RESTRICTED_PROMOCODE"}, VerdictNoCredit},
		{"Complete", "Validation", []string{"CONV_DUPLICATE", "CONTRACT_NOT_FOUND"}, VerdictDuplicate},
		{"Complete", "Validation", []string{"CONV_DUPLICATE", "CAMPAIGN_NOT_FOUND"}, VerdictFault},
		{"Complete", "Validation", []string{"SOMETHING_NEW"}, VerdictFault},
		{"Complete", "Validation", nil, VerdictFault},
	} {
		require.Equal(t, tt.want, reading(&impactapi.Submission{Status: tt.status, ErrorType: tt.errorType, Reasons: tt.reasons}), "%+v", tt)
	}
}
