package main

import "github.com/bgverify/bgverify/internal/text"

// plainText is text of a run or an answer on one line, with nothing in it that a
// terminal or a CI log would obey.
func plainText(s string) string { return text.Visible(s) }
