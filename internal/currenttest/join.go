package currenttest

import (
	"fmt"
	"strconv"
	"strings"
)

// Join makes one set of results of several, so that an implementation need look
// once. Sets stay apart: each gets partitions, Regions, accounts, administrators
// and jobs of its own, in the same order as before. Absent values stay absent,
// except for partitions. Split takes the answer apart again.
func Join(sets [][]Result) []Result {
	var all []Result
	for i, set := range sets {
		mark := func(s *string) *string {
			if s == nil {
				return nil
			}
			marked := fmt.Sprintf("%04d-%s", i, *s)
			return &marked
		}
		// An account has twelve digits; the last eight tell those of a set apart.
		account := func(s *string) *string {
			if s == nil {
				return nil
			}
			marked := fmt.Sprintf("%04d%s", i, (*s)[len(*s)-8:])
			return &marked
		}
		for _, r := range set {
			partition := text(r.Partition)
			r.Partition = mark(&partition)
			r.Account, r.Admin = account(r.Account), account(r.Admin)
			r.Region, r.Job = mark(r.Region), mark(r.Job)
			r.File = *mark(&r.File)
			all = append(all, r)
		}
	}
	return all
}

// Split returns the subjects of each of the sets that were joined, numbered as
// they were by themselves.
func Split(subjects []Subject, sets [][]Result) ([][]Subject, error) {
	firsts := make([]int, len(sets))
	first := 0
	for i, set := range sets {
		firsts[i] = first
		first += len(set)
	}
	split := make([][]Subject, len(sets))
	for _, s := range subjects {
		number, rest, _ := strings.Cut(s.Object, "-")
		i, err := strconv.Atoi(number)
		if err != nil || i >= len(sets) {
			return nil, fmt.Errorf("%s is of none of the sets", s.Object)
		}
		object := strings.TrimPrefix(rest, "aws:")
		renumber := func(s *Subject) {
			s.Object = object
			if n, err := strconv.Atoi(strings.TrimPrefix(s.Standing, "r")); err == nil {
				s.Standing = fmt.Sprintf("r%d", n-firsts[i])
			}
		}
		renumber(&s)
		for j := range s.Members {
			renumber(&s.Members[j])
		}
		split[i] = append(split[i], s)
	}
	return split, nil
}
