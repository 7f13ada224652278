package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	steps "github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/text"
)

// newLog returns a logger for people: without times, values quoted, and only
// warnings unless verbose.
func newLog(w io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey && len(groups) == 0 {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// progressBar draws a run's progress on a terminal, and nothing elsewhere.
type progressBar struct {
	end  chan struct{}
	done chan struct{}
}

// progressInterval is the time between two drawings.
const progressInterval = 200 * time.Millisecond

func startProgress(w io.Writer, off bool, p *steps.Progress) *progressBar {
	f, ok := w.(*os.File)
	if off || !ok || !term.IsTerminal(int(f.Fd())) || isDumb() {
		return nil
	}
	b := &progressBar{end: make(chan struct{}), done: make(chan struct{})}
	go b.draw(f, p)
	return b
}

// stop clears the line. It does nothing for a bar that isn't drawn.
func (b *progressBar) stop() {
	if b == nil {
		return
	}
	close(b.end)
	<-b.done
}

func (b *progressBar) draw(f *os.File, p *steps.Progress) {
	defer close(b.done)
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	started := time.Now()
	for {
		select {
		case <-b.end:
			fmt.Fprint(f, "\r\x1b[K")
			return
		case <-tick.C:
			width, _, err := term.GetSize(int(f.Fd()))
			if err != nil || width < 20 {
				width = 80
			}
			fmt.Fprint(f, "\r", progressLine(p, time.Since(started), width-1), "\x1b[K")
		}
	}
}

// maxLeft is the longest time left that is shown.
const maxLeft = 100 * time.Hour

// progressLine is the progress in at most width columns.
func progressLine(p *steps.Progress, elapsed time.Duration, width int) string {
	if !p.Planned() {
		return "finding inputs"
	}
	done, total := p.Bytes()
	rate := float64(done) / elapsed.Seconds()
	line := fmt.Sprintf("%s read  %s/s", text.Bytes(done), text.Bytes(int64(rate)))
	if total > 0 {
		share := min(float64(done)/float64(total), 1)
		line = fmt.Sprintf("%3.0f%%  %s of %s read  %s/s", 100*share, text.Bytes(min(done, total)), text.Bytes(total), text.Bytes(int64(rate)))
		if left := float64(total-done) / rate; left > 0 && left < maxLeft.Seconds() {
			line += "  " + (time.Duration(left) * time.Second).String() + " left"
		}
		if bar := min(width-len(line)-3, 40); bar >= 10 {
			full := int(share * float64(bar))
			line = "[" + strings.Repeat("=", full) + strings.Repeat(" ", bar-full) + "] " + line
		}
	}
	return line[:min(len(line), width)]
}

// screenOf returns what is known about the terminal that text goes to. Colours are
// for terminals whose user hasn't refused them (no-color.org).
func screenOf(w io.Writer) text.Screen {
	if !isTerminal(w) {
		return text.Screen{}
	}
	s := text.Screen{Columns: 80, Colours: os.Getenv("NO_COLOR") == "" && !isDumb()}
	if width, _, err := term.GetSize(int(w.(*os.File).Fd())); err == nil && width > 0 {
		s.Columns = max(width, minColumns)
	}
	return s
}

// isDumb reports whether the terminal takes no escape sequences.
func isDumb() bool { return os.Getenv("TERM") == "dumb" }

// minColumns is the narrowest terminal that output is made to fit.
const minColumns = 20

// isTerminal reports whether a command's output goes to a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
