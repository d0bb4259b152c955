// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"bytes"
	"encoding/binary"
	"io"
	"path/filepath"
	"unicode/utf16"
)

// metadataOffset is where the metadata region begins in the files that [WriteDisk] creates.
const metadataOffset = 2 << 20

// The identifiers of MS-VHDX 2.2.3.2, 2.6.2.1, 2.6.2.6 and 2.6.2.6.1 in the order of their bytes in the file.
var (
	metadataRegion = []byte{0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e}
	fileParameters = []byte{0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b}
	parentLocator  = []byte{0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45, 0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c}
	locatorType    = []byte{0xb7, 0xef, 0x4a, 0xb0, 0x9e, 0xd1, 0x81, 0x4a, 0xb7, 0x89, 0x25, 0xb8, 0xe9, 0x44, 0x59, 0x13}
)

// writeMetadata writes the parts of a VHDX file (MS-VHDX 2.2.2, 2.2.3, 2.6) that say whether it has a parent, and which. Checksums are zero.
func writeMetadata(file io.WriterAt, path string, d Disk) error {
	le := binary.LittleEndian
	header := make([]byte, 80)
	copy(header, "head")
	le.PutUint64(header[8:], 1)
	if d.Open {
		header[48] = 1
	}
	regions := append([]byte("regi"), make([]byte, 12)...)
	le.PutUint32(regions[8:], 1)
	regions = append(regions, metadataRegion...)
	regions = le.AppendUint64(regions, metadataOffset)
	regions = le.AppendUint32(regions, 1<<20)
	regions = le.AppendUint32(regions, 1)
	items := append(le.AppendUint32(nil, 32<<20), 0, 0, 0, 0)
	table := append([]byte("metadata"), make([]byte, 24)...)
	table[10] = 1
	entry := func(id []byte, offset, length int) {
		table = append(table, id...)
		table = le.AppendUint32(table, uint32(64<<10+offset))
		table = le.AppendUint32(table, uint32(length))
		table = append(table, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	entry(fileParameters, 0, 8)
	if d.Parent != "" {
		table[10], items[4] = 2, 2
		locator := newLocator(path, d.Parent)
		entry(parentLocator, len(items), len(locator))
		items = append(items, locator...)
	}
	for _, part := range []struct {
		offset int64
		data   []byte
	}{{64 << 10, header}, {128 << 10, header}, {192 << 10, regions}, {256 << 10, regions}, {metadataOffset, table}, {metadataOffset + 64<<10, items}} {
		if _, err := file.WriteAt(part.data, part.offset); err != nil {
			return err
		}
	}
	return nil
}

// newLocator returns the parent locator of a file.
func newLocator(path, parent string) []byte {
	var entries, text bytes.Buffer
	pairs := [][2]string{{"absolute_win32_path", parent}}
	if relative, err := filepath.Rel(filepath.Dir(path), parent); err == nil {
		pairs = append(pairs, [2]string{"relative_path", relative})
	}
	start := 20 + 12*len(pairs)
	put := func(value string) (offset, length int) {
		offset = start + text.Len()
		raw, _ := binary.Append(nil, binary.LittleEndian, utf16.Encode([]rune(value)))
		text.Write(raw)
		return offset, len(raw)
	}
	for _, pair := range pairs {
		key, keyBytes := put(pair[0])
		value, valueBytes := put(pair[1])
		raw := binary.LittleEndian.AppendUint32(nil, uint32(key))
		raw = binary.LittleEndian.AppendUint32(raw, uint32(value))
		raw = binary.LittleEndian.AppendUint16(raw, uint16(keyBytes))
		entries.Write(binary.LittleEndian.AppendUint16(raw, uint16(valueBytes)))
	}
	head := append(bytes.Clone(locatorType), 0, 0, byte(len(pairs)), 0)
	return append(append(head, entries.Bytes()...), text.Bytes()...)
}
