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
	{"current_results", "The results that count: of each object the analyses of its newest analysed content.", []string{"results"}},
	{"current_detections", "What is in each object now: of each type the detection with the largest count among the results that count.", []string{"results", "detections"}},
	{"current_objects", "Each object, and each file inside an archive, as it was last analysed.", []string{"results"}},
	{"sensitive_objects", "Each object that holds sensitive data now: which, how much, and how exposed it is.", []string{"results", "detections"}},
	{"object_locations", "Where in each object the sensitive data is, readable.", []string{"results", "detections", "occurrences"}},
	{"unanalyzed_objects", "Each object whose newest content was not analysed, and why.", []string{"results"}},
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
