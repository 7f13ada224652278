package gen

import "context"

// shape holds the parameters that depend on profile and size.
type shape struct {
	locations    int64 // at most, of one type; Macie lists up to 1,000
	members      int64 // at most, of an archive
	source       int64 // mean inflated bytes; 0 for a single source
	lines        int64 // at most, of a source; 0 for any number
	dealt        int64 // entries of the deck for each of the first sources
	archivesOnly bool
	repeated     bool // most objects are analysed again
}

// newShape scales a profile to a size. Small samples have shorter tails and smaller
// sources, rather than fewer sources.
func newShape(profile string, size int64) shape {
	s := shape{
		locations: min(max(size/20_000, 6), 1000),
		members:   min(max(size/60_000, 3), 48),
		source:    min(max(size/16, 4_000), 2_300_000),
		dealt:     3,
	}
	switch profile {
	case profileSmall:
		s.locations = min(s.locations, 440)
		s.members = 1
		s.source, s.lines, s.dealt = 10_000, 3, 1
	case profileLarge:
		s.source, s.dealt = 0, int64(len(deck))
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

// sourceSizes are percentages of the mean size: many small sources, few large
// ones. Their mean is 100.
var sourceSizes = []int64{1, 3, 6, 12, 25, 45, 70, 100, 138, 200, 250, 350}

// Streams of random numbers that are not used for a source.
const (
	streamEstate = 1<<63 + iota
	streamRouter
)

// flushAt is how many bytes of lines are compressed at a time.
const flushAt = 256 << 10

// writeEstate writes sources, whose sites the router chooses, until they have
// opts.Size inflated bytes.
func writeEstate(ctx context.Context, t *tree, opts Options, sites *router) error {
	g := &generator{
		encoding: opts.Encoding, shape: newShape(opts.Profile, opts.Size), before: make(map[owner][]earlierAnalysis),
	}
	for i := int64(0); i == 0 || t.expected.InflatedBytes < opts.Size; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := sites.next(i)
		g.startSource(opts, &at, i)
		if err := g.writeSource(ctx, t, i, opts.Size-t.expected.InflatedBytes); err != nil {
			return err
		}
	}
	return nil
}

func newRouter(opts Options) *router {
	return &router{r: newRNG(opts.Seed, streamRouter), estate: newEstate(newRNG(opts.Seed, streamEstate))}
}

// startSource prepares g for the i'th source of a sample.
func (g *generator) startSource(opts Options, at *site, i int64) {
	g.r = newRNG(opts.Seed, uint64(i))
	g.site, g.rel = at, at.rel(g.r)
	g.clock = at.start
	g.t = newTally()
	g.b = g.b[:0]
	g.turn = i // which bucket comes first
	switch opts.Encoding {
	case EncodingReal:
		g.apiSource = false
	case EncodingAPI:
		g.apiSource = true
	default:
		g.apiSource = g.r.n(2) == 0
	}
}

// writeSource writes the i'th source, of about left inflated bytes at most.
func (g *generator) writeSource(ctx context.Context, t *tree, i, left int64) error {
	o, err := t.open(g.rel)
	if err != nil {
		return err
	}
	if err := g.writeLines(ctx, o, i, left); err != nil {
		o.abort()
		return err
	}
	return o.close(g.site.start, g.t)
}

func (g *generator) writeLines(ctx context.Context, o *source, i, left int64) error {
	size := left
	if g.shape.source > 0 {
		size = min(left, g.shape.source*pick(g.r, sourceSizes)/100*g.r.between(70, 130)/100)
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
		g.appendObject(slot)
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
