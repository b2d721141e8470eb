package main

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/bgverify/bgverify/report"
)

// width returns the columns of a terminal, or 0 when w is none.
func width(w io.Writer) int {
	if o, ok := w.(*output); ok {
		w = o.w
	}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 {
		return 80
	}
	return columns
}

// textOptions says how the text report is written to w: NO_COLOR and
// CLICOLOR_FORCE as their authors define them, --no-color before both.
func textOptions(w io.Writer, noColor bool) report.TextOptions {
	columns := width(w)
	color := columns > 0 && os.Getenv("TERM") != "dumb"
	if v := os.Getenv("CLICOLOR_FORCE"); v != "" && v != "0" {
		color = true
	}
	if noColor || os.Getenv("NO_COLOR") != "" {
		color = false
	}
	return report.TextOptions{Width: columns, Color: color, ASCII: !utf8Locale()}
}

// utf8Locale reports whether the locale asks for UTF-8; no locale at all
// means a machine that writes to logs, which take UTF-8.
func utf8Locale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return true
}
