package athena

import "fmt"

// View is a view over a dataset's tables.
type View struct {
	Name string
	Doc  string // description of a row, one line
	// Missing is a table that the view needs but the dataset does not have; empty
	// if the view can be created.
	Missing string
	query   string
}

// viewsInOrder has each view after those that it reads.
var viewsInOrder = [...]struct {
	name, doc string
	needs     []string
}{
	{"current_results", "One row per result, without copies, and without results of a bucket's former owner if a later owner is known.", []string{"results"}},
	{"current_buckets", "One row per bucket, from its newest result: account, Region, settings, tags, exposure.", []string{"results"}},
	{"current_detections", "One row per subject and type of sensitive data: the detection that decides the finding, with its state.", []string{"results", "detections"}},
	{"current_findings", "One row per finding, open or closed, with its count. An archive's findings include those of its members, which also have rows of their own.", []string{"results", "detections"}},
	{"current_states", "One row per object and per archive member: whether it is analyzed, gone, public or unencrypted.", []string{"results"}},
	{"current_subjects", "One row per object and per archive member, from its standing result, with the current exposure of it and its bucket.", []string{"results"}},
	{"sensitive_objects", "One row per object with open findings: their types and counts, and the object's exposure.", []string{"results", "detections"}},
	{"object_locations", "One row per location of an open finding, with a readable description of it.", []string{"results", "detections", "occurrences"}},
	{"unanalyzed_objects", "One row per object that was never analyzed, or whose current content was not, with the reason.", []string{"results"}},
	{"job_summary", "One row per job, over all its analyses; automated discovery has no job.", []string{"results"}},
	{"bucket_summary", "One row per bucket, over the current state of its objects.", []string{"results"}},
}

// Views returns all views, each after those that it reads.
func Views(l *Layout, t Target) ([]View, error) {
	views := make([]View, len(viewsInOrder))
	for i, v := range viewsInOrder {
		views[i] = View{Name: v.name, Doc: v.doc, Missing: l.missing(v.needs)}
		if views[i].Missing != "" {
			continue
		}
		var err error
		if views[i].query, err = (renderer{layout: l, target: t}).render("views", v.name); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// Create returns the statement, without a semicolon, that creates the view. Call it
// only if nothing is Missing.
func (v View) Create(t Target) string {
	return fmt.Sprintf("CREATE OR REPLACE VIEW %s AS\n%s", t.name(v.Name), v.query)
}
