package gen

import "context"

// shape is what tells one profile and size from another.
type shape struct {
	locations    int64 // of one type, at most; Macie lists 1,000
	members      int64 // of an archive, at most
	object       int64 // mean inflated bytes; 0 for a single object
	lines        int64 // most in an object; 0 for any number
	dealt        int64 // cards of the deck for each of the first objects
	archivesOnly bool
	repeated     bool // most objects are analysed again
}

// shapeOf scales a profile to a size: small samples have shorter tails and
// smaller objects, rather than few of them.
func shapeOf(profile string, size int64) shape {
	s := shape{
		locations: min(max(size/20_000, 6), 1000),
		members:   min(max(size/60_000, 3), 48),
		object:    min(max(size/16, 4_000), 2_300_000),
		dealt:     3,
	}
	switch profile {
	case profileSmall:
		s.locations = min(s.locations, 440)
		s.members = 1
		s.object, s.lines, s.dealt = 10_000, 3, 1
	case profileLarge:
		s.object, s.dealt = 0, int64(len(deck))
	case profileArchives:
		s.archivesOnly = true
	case profileRepeated:
		// Many results rather than many locations.
		s.locations, s.members, s.repeated = min(s.locations, 20), min(s.members, 6), true
	case profileHistory:
		s.locations = min(s.locations, 20)
	case profileHostile:
		s.locations = min(s.locations, 100) // lines stay well below maxLineBytes
		s.members = min(s.members, 8)
	}
	return s
}

// objectSizes are shares of the mean: many small objects, few large ones. Their
// mean is 100.
var objectSizes = []int64{1, 3, 6, 12, 25, 45, 70, 100, 138, 200, 250, 350}

// Streams of random numbers that aren't an object's own.
const (
	streamEstate = 1<<63 + iota
	streamRouter
)

// flushAt is how many bytes of lines are gathered before they are compressed.
const flushAt = 256 << 10

// writeEstate writes objects at the places of the router until opts.Size is
// reached.
func writeEstate(ctx context.Context, t *tree, opts Options, objects *router) error {
	g := &generator{
		encoding: opts.Encoding, shape: shapeOf(opts.Profile, opts.Size), before: make(map[owner][]analysedBefore),
	}
	for i := int64(0); i == 0 || t.expected.InflatedBytes < opts.Size; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := objects.next(i)
		g.startObject(opts, &at, i)
		if err := g.writeObject(ctx, t, i, opts.Size-t.expected.InflatedBytes); err != nil {
			return err
		}
	}
	return nil
}

func newRouter(opts Options) *router {
	return &router{r: newRNG(opts.Seed, streamRouter), estate: newEstate(newRNG(opts.Seed, streamEstate))}
}

// startObject makes g ready for the i'th object of a sample.
func (g *generator) startObject(opts Options, at *place, i int64) {
	g.r = newRNG(opts.Seed, uint64(i))
	g.place, g.rel = at, at.rel(g.r)
	g.clock = at.start
	g.t = newTally()
	g.b = g.b[:0]
	g.turn = i // which bucket comes first
	switch opts.Encoding {
	case EncodingReal:
		g.apiObject = false
	case EncodingAPI:
		g.apiObject = true
	default:
		g.apiObject = g.r.n(2) == 0
	}
}

// writeObject writes the i'th object, which should not be much larger than
// left.
func (g *generator) writeObject(ctx context.Context, t *tree, i, left int64) error {
	o, err := t.open(g.rel)
	if err != nil {
		return err
	}
	if err := g.writeLines(ctx, o, i, left); err != nil {
		o.abort()
		return err
	}
	return o.close(g.place.start, g.t)
}

func (g *generator) writeLines(ctx context.Context, o *object, i, left int64) error {
	size := left
	if g.shape.object > 0 {
		size = min(left, g.shape.object*pick(g.r, objectSizes)/100*g.r.between(70, 130)/100)
	}
	lines := g.shape.lines
	if lines > 0 {
		lines, size = 1+g.r.n(lines), left
	}
	dealt := min(int64(len(deck))-i*g.shape.dealt, g.shape.dealt)
	for n := int64(0); ; n++ {
		if n >= dealt && (o.inflated+int64(len(g.b)) >= size || lines > 0 && g.t.rows.Results >= lines) {
			return o.write(g.b)
		}
		slot := int64(len(deck))
		if n < dealt {
			slot = i*g.shape.dealt + n
		}
		g.group(slot)
		if len(g.b) < flushAt {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := o.write(g.b); err != nil {
			return err
		}
		g.b = g.b[:0]
	}
}
