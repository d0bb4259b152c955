// SPDX-License-Identifier: MPL-2.0

// Package redact replaces secrets in text and in log records.
//
// [Redactor] holds secrets and replaces them in text; [Handler] is a log/slog handler that does so with every record.
//
// # What is found
//
// A secret is found verbatim and as other programs encode it:
//
//   - escaped in JSON, up to three levels deep (JSON in a JSON string)
//   - escaped in XML and HTML with names or numbers of characters, up to four levels deep, and in PowerShell's CLIXML
//     ([MS-PSRP] 2.2.5.3.2)
//   - percent-encoded in URLs, up to three times
//   - in single and double quotes of PowerShell, and in CSV
//   - with ANSI colour sequences in between
//   - in base64 and base64url of UTF-8 or UTF-16 (as for powershell.exe -EncodedCommand), anywhere within the encoded text and
//     in any of the forms above, including base64 that is wrapped into lines of at least 48 characters
//
// Each character may be encoded in a different one of these forms, and the letter case of hexadecimal digits does not matter.
//
// A secret of fewer than four characters is replaced only as a whole word, so that text stays readable: "abc" is not replaced
// within "abcd". The characters around it are not decoded for that, so that "abc" is not replaced in "%20abc" or "\nabc" either.
// Each line of at least 16 characters of a multi-line secret is treated as a secret, since logs come in lines.
//
// # What is not found
//
//   - a secret in different letter case, translated, reversed, hashed, compressed or encrypted
//   - a part of a secret, other than such a line
//   - a secret that is split by something else, for example by a terminal's line wrap; the caller joins the pieces of a text
//     before redacting it
//   - encodings other than those above: hexadecimal digits, octal and \x escapes, quoted-printable, base32, base64 of base64,
//     other Unicode normal forms, and character sets other than UTF-8 and UTF-16
package redact
