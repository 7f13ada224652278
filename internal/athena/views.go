package athena

import "fmt"

// View is a view over a dataset's tables.
type View struct {
	Name string
	Doc  string // what a row is, one line
	// Missing is a table that the view needs and the dataset hasn't; the view
	// can't be made then.
	Missing string
	query   string
}

// viewsInOrder are the views, after those that they read.
var viewsInOrder = [...]struct {
	name, doc string
	needs     []string
}{
	{"current_results", "Each result that counts, once: not copies of it, and none of a bucket's former owner if a later one is known.", []string{"results"}},
	{"current_buckets", "Each bucket as its newest result knows it: account, Region, settings, tags, exposure.", []string{"results"}},
	{"current_detections", "Of each subject and type of sensitive data the detection that speaks for the finding, with its state.", []string{"results", "detections"}},
	{"current_findings", "Each finding, open or closed, with its count; an archive's include its members', which are rows of their own, too.", []string{"results", "detections"}},
	{"current_states", "Each object and each archive member: whether it is analyzed, gone, public, unencrypted.", []string{"results"}},
	{"current_subjects", "Each object and each archive member as its standing result has it, with what is known now of it and its bucket.", []string{"results"}},
	{"sensitive_objects", "Each object with open findings: which, how much, and how exposed it is.", []string{"results", "detections"}},
	{"object_locations", "Where in each object the sensitive data is, readable.", []string{"results", "detections", "occurrences"}},
	{"unanalyzed_objects", "Each object that was never analyzed or isn't as it is now, and why.", []string{"results"}},
	{"job_summary", "What each job did, all its analyses counted; automated discovery has no job.", []string{"results"}},
	{"bucket_summary", "Each bucket as its objects are now.", []string{"results"}},
}

// Views returns the views of a dataset, each after those that it reads.
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

// Create returns the statement that makes the view.
func (v View) Create(t Target) string {
	return fmt.Sprintf("CREATE OR REPLACE VIEW %s AS\n%s", t.name(v.Name), v.query)
}
