// SPDX-License-Identifier: MPL-2.0

package clixml_test

import (
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/clixml"
)

func ExampleDecoder() {
	decoder := clixml.NewDecoder(func(r clixml.Record) {
		fmt.Printf("%s: %q\n", r.Stream, r.Text)
	})
	for _, chunk := range []string{
		"qemu-img: café\r\n#< CLI", "XML\r\n<Objs Version=\"1.1.0.1\"><Obj S=\"progress\"><MS><PR N=\"Record\"><AV>Copying</AV>",
		"<PC>42</PC></PR></MS></Obj><S S=\"Error\">Get-VM : no VM is _x000D__x000A_</S><S S=\"Error\">named x_x00", "0D__x000A_</S></Objs>",
	} {
		_, _ = decoder.Write([]byte(chunk))
	}
	decoder.Close()
	// Output:
	// text: "qemu-img: café\r\n"
	// progress: "Copying"
	// error: "Get-VM : no VM is \r\nnamed x\r\n"
}
