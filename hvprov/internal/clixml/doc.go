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
	// Text is the readable text without terminal escape sequences. Plain text is one line with its line end. An error that was
	// written as lines contains all its lines with their line ends, wrapped as the host wrapped them.
	//
	// Such an error ends after a line of one space; before a line that follows "+ FullyQualifiedErrorId" and is neither blank nor
	// indented; before a record of another stream; and, with the colors of PowerShell 7, before a line that does not begin with
	// the colors of the previous line, because PowerShell 7 repeats them at the start of the next line of the same error.
	// PowerShell 7 without colors does not mark the end: consecutive errors are then one record.
	Text string
	// Progress is set for records of the stream "progress".
	Progress *Progress
	// Error is set for error records that were written as objects.
	Error *ErrorInfo
	// Info is set for information records that were written as objects.
	Info *Info
	// Truncated reports whether the record is incomplete: the input ended within it, or it exceeded the decoder's limit. In the
	// latter case the next record continues it.
	Truncated bool
}

// Progress is a progress record.
type Progress struct {
	// Activity, Status and Operation are the texts of Write-Progress.
	Activity, Status, Operation string
	// ID is the number of the activity, ParentID that of its parent activity or -1.
	ID, ParentID int
	// Percent is the percentage from 0 to 100, or -1 if it is unknown.
	Percent int
	// Seconds is the remaining time in seconds, or -1 if it is unknown.
	Seconds int
	// Type is "Processing" or "Completed".
	Type string
}

// ErrorInfo holds the fields of an error record.
type ErrorInfo struct {
	// Message is the message of the exception, Exception its type.
	Message, Exception string
	// ID is the FullyQualifiedErrorId.
	ID string
	// Category is the number of the error category. Activity, Reason, TargetName and TargetType are the other properties of the
	// record's CategoryInfo.
	Category                                 int
	Activity, Reason, TargetName, TargetType string
}

// Info holds the fields of an information record.
type Info struct {
	// Source is the command or script that wrote the record, for example "Write-Host".
	Source string
	// Time is the time of the record as PowerShell wrote it (RFC 3339 with seven fractional digits).
	Time string
	// Tags are the tags of the record. Records of Write-Host have the tag "PSHOST".
	Tags []string
	// NoNewLine reports whether the text continues in the next record.
	NoNewLine bool
}
