// SPDX-License-Identifier: MPL-2.0

package jobschema

import "regexp"

// Characters that no file name has, ends that Windows removes from names, and names of devices. Windows takes the superscript digits one to
// three for digits, and ignores spaces behind such a name: https://learn.microsoft.com/windows/win32/fileio/naming-a-file. CONIN$ and
// CONOUT$ are the console: https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew. Controls of the writing direction
// show a name, and its extension, as another: https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters
var (
	badFileName = regexp.MustCompile(`[\x00-\x1f\x7f\\/:*?"<>|\x{61c}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]|^[ .]|[ .]$`)
	deviceName  = regexp.MustCompile(`(?i)^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\x{b9}\x{b2}\x{b3}]) *(\..*)?$`)
)

// isFileName reports whether a text is the name of a file in a folder on every file system of Windows, with or without an extension.
func isFileName(s string) bool { return !badFileName.MatchString(s) && !deviceName.MatchString(s) }
