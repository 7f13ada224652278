package text

import (
	"bytes"
	"io"
	"strings"
)

// Document is an answer for people, block by block. The zero Document is empty.
// What it is given may come from anywhere: it is escaped when it is written. A
// Document is not safe for concurrent use.
type Document struct{ blocks []block }

// block is one of a document's blocks.
type block struct {
	kind    blockKind
	level   int
	text    string
	note    string // of a section: after its title
	columns []Column
	rows    [][]Cell
}

type blockKind uint8

const (
	titleBlock blockKind = iota
	lineBlock
	warnBlock
	sectionBlock
	tableBlock
	itemBlock
	gapBlock
	verbatimBlock
)

// Title adds a line that stands out.
func (d *Document) Title(s string) { d.blocks = append(d.blocks, block{kind: titleBlock, text: s}) }

// Line adds a line of words, which wraps.
func (d *Document) Line(s string) { d.blocks = append(d.blocks, block{kind: lineBlock, text: s}) }

// Warn adds a line of words that is to be looked at.
func (d *Document) Warn(s string) { d.blocks = append(d.blocks, block{kind: warnBlock, text: s}) }

// Verbatim adds lines that stay as they are, such as JSON.
func (d *Document) Verbatim(s string) {
	d.blocks = append(d.blocks, block{kind: verbatimBlock, text: strings.TrimSuffix(s, "\n")})
}

// Gap adds an empty line between groups of lines.
func (d *Document) Gap() { d.blocks = append(d.blocks, block{kind: gapBlock}) }

// Section begins a section. The note, which may be empty, is less important.
func (d *Document) Section(title, note string) {
	d.blocks = append(d.blocks, block{kind: sectionBlock, text: title, note: note})
}

// Item adds an entry of a nested list; the document's own entries have level 0.
// What doesn't fit the screen is cut. A bold entry is a heading of those below it.
func (d *Document) Item(level int, bold bool, s string) {
	b := block{kind: itemBlock, level: level, text: s}
	if bold {
		b.note = "bold"
	}
	d.blocks = append(d.blocks, b)
}

// WarnItem adds an entry of a nested list that is to be looked at.
func (d *Document) WarnItem(level int, s string) {
	d.blocks = append(d.blocks, block{kind: itemBlock, level: level, text: s, note: "warn"})
}

// Table adds a table, which keeps the rows.
func (d *Document) Table(columns []Column, rows [][]Cell) {
	d.blocks = append(d.blocks, block{kind: tableBlock, columns: columns, rows: rows})
}

// Write writes the document to w, as Markdown or for people.
func (d *Document) Write(w io.Writer, f Format, o Options) error {
	p := &page{o: o, markdown: f == Markdown}
	for i := range d.blocks {
		if err := p.block(&d.blocks[i], i == 0); err != nil {
			return err
		}
	}
	_, err := w.Write(p.out.Bytes())
	return err
}

// page is a document in the making.
type page struct {
	o        Options
	markdown bool
	out      bytes.Buffer
}

func (p *page) block(b *block, first bool) error {
	screen := p.o.Screen
	switch b.kind {
	case titleBlock:
		p.wrap(b.text, screen.Bold)
	case lineBlock:
		p.wrap(b.text, nil)
	case warnBlock:
		p.wrap(b.text, screen.Warn)
	case verbatimBlock:
		if p.markdown {
			p.out.WriteString("```\n")
		}
		for line := range strings.SplitSeq(b.text, "\n") {
			p.out.WriteString(Printable(line) + "\n")
		}
		if p.markdown {
			p.out.WriteString("```\n")
		}
	case gapBlock:
		p.out.WriteByte('\n')
	case sectionBlock:
		if !first {
			p.out.WriteByte('\n')
		}
		p.section(b)
	case itemBlock:
		p.item(b)
	case tableBlock:
		f := Table
		if p.markdown {
			f = Markdown
		}
		return WriteTable(&p.out, f, b.columns, b.rows, p.o)
	}
	return nil
}

func (p *page) section(b *block) {
	note := b.note
	if note != "" {
		note = " (" + note + ")"
	}
	if p.markdown {
		p.out.WriteString("## " + EscapeMarkdown(b.text+note) + "\n\n")
		return
	}
	screen := p.o.Screen
	title := Printable(b.text)
	p.out.WriteString(screen.Bold(screen.Fit(0, title)) + screen.Dim(screen.Fit(Width(title), Printable(note))) + "\n")
}

// indent is how many columns a level of a list is indented.
const indent = 2

func (p *page) item(b *block) {
	if p.markdown {
		text := EscapeMarkdown(b.text)
		if b.note == "bold" {
			text = "**" + text + "**"
		}
		p.out.WriteString(strings.Repeat(" ", indent*b.level) + "- " + text + "\n")
		return
	}
	screen := p.o.Screen
	s := screen.Fit(indent*b.level, Printable(b.text))
	switch {
	case s == "":
	case b.note == "bold":
		s = screen.Bold(s)
	case b.note == "warn":
		s = screen.Warn(s)
	}
	if s != "" {
		p.out.WriteString(strings.Repeat(" ", indent*b.level))
	}
	p.out.WriteString(s + "\n")
}

// wrap writes a line of words in as many lines as the screen needs.
func (p *page) wrap(line string, style func(string) string) {
	if p.markdown {
		p.out.WriteString("- " + EscapeMarkdown(line) + "\n")
		return
	}
	screen := p.o.Screen
	width := 0
	var out strings.Builder
	flush := func() {
		s := out.String()
		if style != nil {
			s = style(s)
		}
		p.out.WriteString(s + "\n")
		out.Reset()
		width = 0
	}
	for word := range strings.FieldsSeq(Printable(line)) {
		if width > 0 && screen.Columns > 0 && width+1+Width(word) > screen.Columns {
			flush()
		}
		if width > 0 {
			out.WriteByte(' ')
			width++
		}
		if screen.Columns > 0 {
			word = Fit(word, screen.Columns)
		}
		out.WriteString(word)
		width += Width(word)
	}
	flush()
}
