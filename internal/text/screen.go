package text

// Screen is what is known of where text for people goes. The zero value is a
// file or a pipe: of any width, and without colours.
type Screen struct {
	Columns int // of the terminal; 0 where there is no limit
	Colours bool
}

// Fit is Fit for what has the columns from first on for itself, from 0. What has
// no room is left out.
func (s Screen) Fit(first int, text string) string {
	if s.Columns == 0 {
		return text
	}
	return Fit(text, s.Columns-first)
}

// Bold marks printable text as a heading.
func (s Screen) Bold(text string) string { return s.style("1", text) }

// Dim marks printable text as less important.
func (s Screen) Dim(text string) string { return s.style("2", text) }

// Warn marks printable text as something to look at.
func (s Screen) Warn(text string) string { return s.style("33", text) }

// style sets a mode (ECMA-48, SGR) for a text.
func (s Screen) style(mode, text string) string {
	if !s.Colours || text == "" {
		return text
	}
	return "\x1b[" + mode + "m" + text + "\x1b[m"
}
