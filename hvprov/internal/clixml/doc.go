// SPDX-License-Identifier: MPL-2.0

// Package clixml decodes, piece by piece, the mixture of CLIXML documents and plain text that PowerShell writes to its
// standard error (and, asked to, to its standard output).
//
// Three things are done for whoever reads the records. An error that the host wrote line by line, each line a string of its
// own, is one record: it ends with the line of one space that the host puts after it, or, where that is missing, before the
// line that cannot belong to it (see [Record]). Terminal escape sequences, colours above all, are dropped from every text.
// Plain text is taken as it is: the escapes of CLIXML, such as _x000D_, are undone within documents only.
//
// Bytes are read as UTF-8. A line or a string that is not UTF-8 goes to [Decoder.Fallback]. A line of plain text with NULs where
// UTF-16LE has them, as wsl.exe writes it, is read as that; such a line is ended by any byte 0x0A, so that a few characters,
// such as U+4E0A, break it. A byte order mark at the start of a line of plain text is dropped.
package clixml

// Record is one thing that PowerShell, or a program that it ran, wrote.
type Record struct {
	// Stream is "error", "output", "warning", "verbose", "debug", "information", "progress", the lower-case name of any other
	// stream, or "text" for what stood outside of CLIXML.
	Stream string
	// Text is what a person would read, without terminal escape sequences. Plain text keeps its line end; it comes a line at a
	// time. An error that came as lines keeps them all, with their line ends, wrapped as the host wrapped them.
	//
	// Lines are of one error until its last one, a space; or until a line that follows "+ FullyQualifiedErrorId" and is neither
	// blank nor indented; or, in the colours of PowerShell 7, which repeats those of a line at the start of the next line of the
	// same error, until a line that begins with others; or until a record of another stream. PowerShell 7 without colours marks
	// no ends: there, errors that follow each other are one record.
	Text string
	// Progress is set for records of the stream "progress".
	Progress *Progress
	// Error is set for error records that came as objects.
	Error *ErrorInfo
	// Info is set for information records that came as objects.
	Info *Info
	// Truncated tells that the record was cut: the input ended in its midst, or it was longer than the decoder keeps, in which
	// case the next record goes on where it ends.
	Truncated bool
}

// Progress is a progress record of PowerShell.
type Progress struct {
	// Activity, Status and Operation are the three texts of Write-Progress.
	Activity, Status, Operation string
	// ID names the activity; ParentID is that of the one it belongs to, or -1.
	ID, ParentID int
	// Percent is 0 to 100, or -1 when not known.
	Percent int
	// Seconds is the time left, or -1 when not known.
	Seconds int
	// Type is "Processing" or "Completed".
	Type string
}

// ErrorInfo holds the fields of an error record.
type ErrorInfo struct {
	// Message is the exception's message; Exception its type.
	Message, Exception string
	// ID is the FullyQualifiedErrorId.
	ID string
	// Category is the number of the error category; Activity, Reason, TargetName and TargetType go with it.
	Category                                 int
	Activity, Reason, TargetName, TargetType string
}

// Info holds the fields of an information record.
type Info struct {
	// Source is the command or script that wrote it, for example "Write-Host".
	Source string
	// Time is when, in PowerShell's own notation (RFC 3339 with seven digits).
	Time string
	// Tags are the record's tags; "PSHOST" marks Write-Host.
	Tags []string
	// NoNewLine tells that the text goes on in the next record.
	NoNewLine bool
}
