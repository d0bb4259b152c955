// SPDX-License-Identifier: MPL-2.0

// Package clixml decodes the mixture of CLIXML documents and plain text that PowerShell writes to standard error and, if
// requested, to standard output. It accepts input in chunks of any size.
//
// The decoder normalizes records in three ways. An error that the host wrote line by line, each line as a string, is one record:
// it ends with the line of one space that the host writes after an error or, if that is missing, before the first line that
// cannot belong to it (see [Record]). Terminal escape sequences, such as colors, are removed from all texts. The escapes of CLIXML,
// such as _x000D_, are decoded within documents only; plain text is not changed.
//
// Input is UTF-8; invalid bytes become U+FFFD. A line of plain text that has NULs where UTF-16LE has them, as wsl.exe writes it, is
// decoded as UTF-16LE. Lines end at any byte 0x0A, so a few UTF-16 characters, such as U+4E0A, break such a line. A byte order mark
// at the start of a line of plain text is removed.
package clixml

// Record is one output record of PowerShell, or one line that a program wrote.
type Record struct {
	// Stream is "error", "output", "warning", "verbose", "debug", "information", "progress", the lower-case name of any other
	// stream, or "text" for plain text outside of CLIXML.
	Stream string
	// Text is the readable text without terminal escape sequences: of an object its string representation, of a progress record
	// the activity, of an information record the message. Plain text is one line with its line end. An error that was written as
	// lines contains all its lines with their line ends, wrapped as the host wrapped them.
	//
	// Such an error ends after a line of one space; before a line that follows "+ FullyQualifiedErrorId" and is neither blank nor
	// indented; before a record of another stream; and, with the colors of PowerShell 7, before a line that does not begin with
	// the colors of the previous line, because PowerShell 7 repeats them at the start of the next line of the same error.
	// PowerShell 7 without colors does not mark the end: consecutive errors are then one record.
	Text string
	// Truncated reports whether the record is incomplete: the input ended within it, or it exceeded the decoder's limit. In the
	// latter case the next record continues it.
	Truncated bool
}
