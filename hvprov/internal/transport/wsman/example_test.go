// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

func Example() {
	host, err := simhost.Start(simhost.Options{}) // in place of a Windows host
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = host.Close() }()

	client, err := wsman.NewClient(host.WinRM())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ctx := context.Background()
	shell, err := client.CreateShell(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = shell.Delete(ctx) }()
	command, err := shell.Start(ctx, "echo hello")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = command.Terminate(ctx) }()
	for done := false; !done; {
		output, err := command.Receive(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(strings.ReplaceAll(string(output.Stdout), "\r\n", "\n"))
		done = output.Done
	}
	fmt.Println("connections:", client.Stats().Connections)
	// Output:
	// hello
	// connections: 1
}
