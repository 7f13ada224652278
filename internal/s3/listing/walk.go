package listing

import (
	"context"
	"strings"
	"sync"

	"github.com/macielake/macielake/internal/s3"
)

// Options select the keys to list.
type Options struct {
	Prefix string // beginning of all keys
	// Descend reports whether any keys below dir, which ends in a slash, are wanted;
	// nil wants all. Refused directories are skipped where possible, but each may
	// still get some of their objects.
	Descend func(dir string) bool
	// Concurrency is the number of pages requested at a time; 0 is 32.
	Concurrency int
}

const defaultListConcurrency = 32

// windowPages times Options.Concurrency pages may wait for their turn. It bounds the
// memory of a listing.
const windowPages = 4

// Walk calls each for all objects whose keys have the prefix, in byte-wise order of the
// keys, in the caller's goroutine. The listing is cut into spans of keys that are listed
// concurrently: by directory if there are directories, and by ranges of names inside a
// flat one. Its memory doesn't grow with the number of keys. If Walk returns nil, each
// has seen all objects that existed when Walk began and were not removed meanwhile.
func Walk(ctx context.Context, b *s3.Bucket, o Options, each func(s3.Object) error) error {
	if o.Concurrency <= 0 {
		o.Concurrency = defaultListConcurrency
	}
	if o.Descend == nil {
		o.Descend = func(string) bool { return true }
	}
	ctx, cancel := context.WithCancelCause(ctx)
	w := &walker{ctx: ctx, b: b, o: o, head: &span{prefix: o.Prefix, from: o.Prefix}, window: windowPages * o.Concurrency}
	w.wake.L = &w.mu
	stop := context.AfterFunc(ctx, func() { w.fail(context.Cause(ctx)) })
	var workers sync.WaitGroup
	for range o.Concurrency {
		workers.Go(w.work)
	}
	err := w.emit(each)
	stop()
	w.fail(err) // ends the workers, if nothing else has
	cancel(err)
	workers.Wait()
	return err
}

// span is a range of keys: those with the prefix in [from, to).
type span struct {
	prefix   string
	from, to string // to is empty if the prefix is the only bound
	after    string // the request lists keys after it; empty to begin at from
	level    bool   // list directories, to make spans of them
	small    int    // estimated keys per directory; 0 if unknown

	state   state
	objects []s3.Object // once the span is done
	next    *span
}

type state uint8

const (
	waiting state = iota
	running
	done
)

// walker is the state of a Walk. The spans are a list in the order of their keys. A
// worker takes the first waiting span, puts the objects it found in its place, and
// inserts spans for the rest behind it.
type walker struct {
	ctx    context.Context
	b      *s3.Bucket
	o      Options
	window int

	mu   sync.Mutex
	wake sync.Cond
	head *span // the first span that isn't emitted
	held int   // number of spans that are running or done
	err  error
	over bool
}

// fail ends the walk; a nil err ends it without an error.
func (w *walker) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.over = true
	w.wake.Broadcast()
}

func (w *walker) work() {
	for {
		s := w.take()
		if s == nil {
			return
		}
		objects, rest, err := w.list(s)
		if err != nil {
			w.fail(err)
			return
		}
		w.mu.Lock()
		s.objects, s.state = objects, done
		for i := len(rest) - 1; i >= 0; i-- {
			rest[i].next, s.next = s.next, rest[i]
			if rest[i].state == done {
				w.held++
			}
		}
		w.wake.Broadcast()
		w.mu.Unlock()
	}
}

// take returns the next span to list; nil if the walk is over.
func (w *walker) take() *span {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.over {
		s := w.head
		for s != nil && s.state != waiting {
			s = s.next
		}
		// Everything else waits for the first, so it is listed even with a full window.
		if s != nil && (s == w.head || w.held < w.window) {
			s.state = running
			w.held++
			return s
		}
		w.wake.Wait()
	}
	return nil
}

// emit calls each for the objects of the spans, in order.
func (w *walker) emit(each func(s3.Object) error) error {
	for {
		objects, ok, err := w.first()
		if err != nil || !ok {
			return err
		}
		for _, o := range objects {
			if err := each(o); err != nil {
				return err
			}
		}
	}
}

// first waits for the first span and removes it.
func (w *walker) first() (objects []s3.Object, ok bool, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.err == nil && w.head != nil && w.head.state != done {
		w.wake.Wait()
	}
	if w.err != nil {
		return nil, false, w.err
	}
	s := w.head
	if s == nil {
		w.over = true
		return nil, false, nil
	}
	w.head = s.next
	w.held--
	w.wake.Broadcast()
	return s.objects, true, nil
}

// list requests a page of a span. It returns the span's first objects, and spans for the
// keys after them.
func (w *walker) list(s *span) ([]s3.Object, []*span, error) {
	after := s.after
	if after == "" {
		after = before(s.from)
		if after < s.prefix {
			after = ""
		}
	}
	p, err := w.b.Page(w.ctx, s.prefix, after, s.level)
	if err != nil {
		return nil, nil, err
	}
	if last := p.Last(); p.More && last < s.from {
		// The page has only keys before the span.
		again := &span{prefix: s.prefix, from: s.from, to: s.to, after: last, level: s.level, small: s.small}
		if s.level && strings.HasSuffix(last, s3.Delimiter) {
			again.after = last + highest
		}
		return nil, []*span{again}, nil
	}
	if s.level {
		return nil, w.descend(s, p), nil
	}
	objects, more := cut(p, s)
	if !more {
		return objects, nil, nil
	}
	return objects, w.split(s, objects), nil
}

// cut returns the objects of a page that are in the span; more says that the span
// continues after the page.
func cut(p *s3.Page, s *span) (objects []s3.Object, more bool) {
	objects, more = p.Objects, p.More
	for len(objects) > 0 && objects[0].Key < s.from {
		objects = objects[1:]
	}
	if s.to == "" {
		return objects, more
	}
	for n := len(objects); n > 0 && objects[n-1].Key >= s.to; n-- {
		objects, more = objects[:n-1], false
	}
	return objects, more
}

// split makes spans for the keys after a span's first page: the rest of the directory
// in which the page ended, and the keys after it in the directories above.
func (w *walker) split(s *span, objects []s3.Object) []*span {
	last := objects[len(objects)-1].Key
	// The directories that contain the page's last key, from the span's own down.
	dirs := []string{s.prefix}
	for i := len(s.prefix); i < len(last); i++ {
		if last[i] != s3.Delimiter[0] {
			continue
		}
		dir := last[:i+1]
		if !w.o.Descend(dir) {
			// Nothing in it is wanted: continue after it.
			return w.behind(s, dirs, dir, objects)
		}
		dirs = append(dirs, dir)
	}
	deepest := dirs[len(dirs)-1]
	names := make([]string, 0, len(objects))
	for i := range objects {
		if strings.HasPrefix(objects[i].Key, deepest) {
			names = append(names, objects[i].Key)
		}
	}
	rest := &span{prefix: deepest, from: last + "\x00", after: last, to: s.to}
	if len(dirs) == 1 {
		return ranges(rest, names)
	}
	rest.to = within(s.to, deepest)
	return append(ranges(rest, names), w.behind(s, dirs[:len(dirs)-1], deepest, objects)...)
}

// behind makes a span for each of the directories, the deepest first, of the keys after
// its subdirectory. The deepest directory's subdirectory is dir; each other's is the next
// deeper directory.
func (w *walker) behind(s *span, dirs []string, dir string, objects []s3.Object) []*span {
	var spans []*span
	for i := len(dirs) - 1; i >= 0; i-- {
		parent := dirs[i]
		next := behindDir(dir)
		to := within(s.to, parent)
		if i == 0 {
			to = s.to
		}
		if to == "" || next < to {
			spans = append(spans, &span{
				prefix: parent, from: next, after: dir + highest, to: to,
				level: true, small: keysPerDir(objects, parent),
			})
		}
		dir = parent
	}
	return spans
}

// highest is the last Unicode character: no name continues with a later one.
const highest = "\U0010FFFF"

// behindDir returns the first string after all strings that begin with dir.
func behindDir(dir string) string { return dir[:len(dir)-1] + string(s3.Delimiter[0]+1) }

// within returns the bound to for the keys in dir: empty if it lies behind them.
func within(to, dir string) string {
	if strings.HasPrefix(to, dir) {
		return to
	}
	return ""
}

// before returns a string before from, usually without a key between them.
func before(from string) string {
	n := len(from)
	switch {
	case n == 0:
		return ""
	case from[n-1] == 0:
		return from[:n-1]
	case from[n-1] > ' ' && from[n-1] < 0x80:
		return from[:n-1] + string(from[n-1]-1) + highest
	}
	return from[:n-1]
}

// keysPerDir returns the average number of keys per subdirectory of parent in a page:
// 0 if the page doesn't reach a second one.
func keysPerDir(objects []s3.Object, parent string) int {
	dirs, keys, current := 0, 0, ""
	for i := range objects {
		name, ok := strings.CutPrefix(objects[i].Key, parent)
		if !ok {
			continue
		}
		dir, _, ok := strings.Cut(name, s3.Delimiter)
		if !ok {
			continue
		}
		keys++
		if dirs == 0 || dir != current {
			dirs++
			current = dir
		}
	}
	if dirs < 2 {
		return 0
	}
	return max(1, keys/dirs)
}

// fullPage is the wanted number of keys per span, so that most spans fit a page.
const fullPage = s3.PageKeys * 9 / 10

// descend makes spans of a page of directories: one per directory, or one for several
// small ones in a row. The objects among them become spans that are already done.
func (w *walker) descend(s *span, p *s3.Page) []*span {
	var spans []*span
	var group *span // several directories
	grouped := 0
	size := 1
	if s.small > 0 {
		size = max(1, fullPage/s.small)
	}
	objects, dirs := p.Objects, p.Prefixes
	names := make([]string, 0, len(objects)+len(dirs))
	for len(objects)+len(dirs) > 0 {
		if len(dirs) == 0 || len(objects) > 0 && objects[0].Key < dirs[0] {
			o := objects[0]
			objects = objects[1:]
			names = append(names, o.Key)
			if o.Key < s.from || s.to != "" && o.Key >= s.to {
				continue
			}
			group = nil
			if n := len(spans); n == 0 || spans[n-1].state != done {
				spans = append(spans, &span{state: done})
			}
			found := spans[len(spans)-1]
			found.objects = append(found.objects, o)
			continue
		}
		dir := dirs[0]
		dirs = dirs[1:]
		names = append(names, dir)
		if dir < s.from || s.to != "" && dir >= s.to {
			continue
		}
		if !w.o.Descend(dir) {
			group = nil
			continue
		}
		if size == 1 {
			spans = append(spans, &span{prefix: dir, from: dir})
			continue
		}
		if group == nil || grouped == size {
			group, grouped = &span{prefix: s.prefix, from: dir}, 0
			spans = append(spans, group)
		}
		group.to = behindDir(dir)
		grouped++
	}
	if !p.More {
		return spans
	}
	last := p.Last()
	rest := &span{prefix: s.prefix, from: last + "\x00", after: last, to: s.to, level: true, small: s.small}
	if strings.HasSuffix(last, s3.Delimiter) && len(last) > len(s.prefix) {
		rest.from, rest.after = behindDir(last), last+highest
	}
	if rest.to != "" && rest.from >= rest.to {
		return spans
	}
	return append(spans, ranges(rest, names)...)
}

// ranges cuts a span, whose names begin with those of a page that went before,
// into spans of about a page. Names are taken to go on as in that page: with the
// characters that it has. At each place up to where the page's names first
// differ, the last name's character is followed by those that come after it: so
// the deepest place has the finest spans, and those of the first places are so
// coarse that they will be cut themselves.
func ranges(s *span, names []string) []*span {
	if len(names) < minSample {
		return []*span{s}
	}
	start := len(s.prefix)
	first, last := names[0], names[len(names)-1]
	differ := start
	for differ < len(first) && differ < len(last) && first[differ] == last[differ] {
		differ++
	}
	if differ == len(last) {
		return []*span{s}
	}
	alphabet, atPlace := charactersAt(names, start, differ)
	group := max(1, fullPage*atPlace/len(names)) // characters that make a page

	var edges []string
	for place := differ; place >= start; place-- {
		n := 0
		for c := int(last[place]) + 1; c < len(alphabet); c++ {
			if !alphabet[c] {
				continue
			}
			if n++; place == differ && n%group != 0 {
				continue
			}
			edge := last[:place] + string(rune(c))
			if edge > s.from && (s.to == "" || edge < s.to) {
				edges = append(edges, edge)
			}
		}
	}
	spans := []*span{s}
	for _, edge := range edges {
		before := spans[len(spans)-1]
		spans = append(spans, &span{prefix: s.prefix, from: edge, to: before.to, level: s.level, small: s.small})
		before.to = edge
	}
	return spans
}

// minSample is the least number of names from which ranges estimates later names.
const minSample = 64

// charactersAt returns the characters of names from start on, and the number of distinct
// ones at the place where names first differ.
func charactersAt(names []string, start, differ int) (alphabet [0x80]bool, atPlace int) {
	before := -1
	for _, name := range names {
		for i := start; i < min(len(name), differ+alphabetPlaces); i++ {
			if c := name[i]; c > ' ' && c < 0x80 && c != s3.Delimiter[0] {
				alphabet[c] = true
			}
		}
		if differ < len(name) && int(name[differ]) != before {
			before = int(name[differ])
			atPlace++
		}
	}
	return alphabet, max(1, atPlace)
}

// alphabetPlaces is the number of characters examined behind the common beginning: fewer
// than a UUID has before its first dash.
const alphabetPlaces = 6
