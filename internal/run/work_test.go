package run

import (
	"errors"
	"testing"

	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/pkg/schema"
)

// The part that comes after too many rejects may have no reject of its own.
func TestMaxRejectsOfOtherParts(t *testing.T) {
	r := &work{run: &Run{Run: &state.Run{}}}
	of := &account{rejects: 1, first: &state.Reject{URI: "other", Class: schema.Malformed}}
	for _, a := range []*account{of, {}} {
		var tooMany *TooManyRejectsError
		if err := r.addRejects(a); !errors.As(err, &tooMany) || tooMany.First.URI != "other" {
			t.Errorf("%v", err)
		}
	}
}
