package query

import (
	"bytes"
	"slices"

	"github.com/macielake/macielake/internal/where"
)

// current makes objects of the results of things, which come a thing at a time
// and in the order of docs/dataset.md, "What counts as current".
type current struct {
	plan *plan
	emit func(*object) error

	thing  []byte // whose results come
	buf    []byte // of the records that are kept
	object object
	others bool           // a result that is no analysis was there
	byType map[string]int // detections of an object that has many
}

// manyTypes is the number of types from which on they are looked up in a map.
const manyTypes = 16

// add takes the next record. Its bytes need only be valid for the call.
func (c *current) add(key, record []byte) error {
	h := takeHead(record)
	if c.object.standing == nil || !bytes.Equal(key[:h.thing], c.thing) {
		if err := c.flush(); err != nil {
			return err
		}
		c.thing = append(c.thing[:0], key[:h.thing]...)
		standing := c.keep(record)
		c.object.standing = standing
		if !standing.analysed {
			c.object.missed = standing
		}
		c.detect(standing)
		return nil
	}
	standing := c.object.standing
	analysed := h.flags&flagAnalysed != 0
	if standing.analysed && !analysed {
		// The first of those that are no analyses is the newest of them.
		if !c.others && laterThan(h.modified, standing.modified) {
			c.object.missed = c.keep(record)
		}
		c.others = true
		return nil
	}
	if !equalInts(h.modified, standing.modified) || !equalTexts(h.version, standing.version) {
		return nil
	}
	also := c.keep(record)
	c.raiseSeverity(standing, also)
	c.detect(also)
	return nil
}

// keep returns the result of a record, which it copies.
func (c *current) keep(record []byte) *result {
	start := len(c.buf)
	c.buf = append(c.buf, record...)
	return c.plan.result(takeHead(c.buf[start:]))
}

// laterThan reports whether a time is later than another; none is the earliest.
func laterThan(a, b where.Value) bool {
	return !a.Null() && (b.Null() || a.Int() > b.Int())
}

// detect adds the detections of a result that counts. Of those with one type
// the largest counts, and of equal ones the first.
func (c *current) detect(res *result) {
	for _, d := range res.detections {
		i := c.find(d.id)
		switch {
		case i < 0:
			if c.byType != nil {
				c.byType[string(d.id)] = len(c.object.detections)
			}
			c.object.detections = append(c.object.detections, d)
		case laterThan(d.count, c.object.detections[i].count):
			c.object.detections[i] = d
		}
	}
}

// find returns where the detection of a type is; -1 if it isn't there.
func (c *current) find(id []byte) int {
	list := c.object.detections
	if len(list) < manyTypes {
		for i := range list {
			if bytes.Equal(list[i].id, id) {
				return i
			}
		}
		return -1
	}
	if c.byType == nil {
		c.byType = make(map[string]int)
		for i := range list {
			c.byType[string(list[i].id)] = i
		}
	}
	if i, ok := c.byType[string(id)]; ok {
		return i
	}
	return -1
}

// raiseSeverity gives an object the highest severity of the results that count;
// of a score's several names the last one by its bytes. Detections keep that of
// their own result.
func (c *current) raiseSeverity(standing, also *result) {
	score, name := c.plan.score, c.plan.severity
	if score < 0 {
		return
	}
	higher := laterThan(also.values[score], standing.values[score])
	if !higher && equalInts(also.values[score], standing.values[score]) {
		a, b := also.values[name], standing.values[name]
		higher = !a.Null() && (b.Null() || bytes.Compare(a.Text(), b.Text()) > 0)
	}
	if higher {
		standing.values = slices.Clone(standing.values)
		standing.values[score], standing.values[name] = also.values[score], also.values[name]
	}
}

// flush hands out the thing whose results came.
func (c *current) flush() error {
	if c.object.standing == nil {
		return nil
	}
	err := c.emit(&c.object)
	c.object = object{detections: c.object.detections[:0]}
	c.buf, c.others, c.byType = c.buf[:0], false, nil
	return err
}
