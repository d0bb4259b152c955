// SPDX-License-Identifier: MPL-2.0

// Package redact takes secret values out of what is shown or kept.
//
//   - [Redactor] takes secrets out of text, and [Writer] out of text that comes in pieces.
//   - [Set] has the secrets of all jobs that run, for text that is no single job's.
//   - [Handler] redacts what is logged with log/slog.
//   - [Fields] masks the secret fields of a job by its schema.
//
// # What is found
//
// A secret is found as it is, and as others write it: in JSON, JavaScript, C, Go and shells with escapes of any kind; in JSON
// that is text in JSON, up to three times; in XML and HTML with names or numbers of characters; in PowerShell's CLIXML; in URLs,
// encoded once to three times; in single and double quotes of PowerShell, of shells and of CSV; in quoted-printable; as
// hexadecimal digits, also with spaces, hyphens, colons, commas or 0x between the bytes; in UTF-16; and in base64 and base64url of UTF-8 or
// UTF-16, anywhere within a longer text, also in lines. Each character may be written in another of these ways, and the letter
// case of digits does not matter. Within base64 it is found as it is, and as JSON, XML and PowerShell have it.
//
// A secret of fewer than four characters is looked for only as a whole word, so that text stays readable: "abc" is not replaced
// within "abcd", nor looked for in hexadecimal digits.
//
// # What is not found
//
//   - a secret in other letter case, translated, abbreviated, spelt backwards, hashed, compressed or encrypted
//   - a part of a secret, other than a whole line of four characters or more
//   - a secret with something put into it: a line break where a terminal's line ends, a table's border
//   - a secret in an encoding within another, beyond what stands above: base64 of base64, hexadecimal digits in base64
//   - bytes as decimal numbers, base32, characters composed in another way (Unicode's normal forms), other character sets than
//     UTF-8 and UTF-16, and characters that a writer could not write and replaced
//   - base64 in lines of fewer than 48 characters
package redact
