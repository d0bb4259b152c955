// SPDX-License-Identifier: MPL-2.0

// Command buildtofu builds OpenTofu into the cache of the project, where the demo and the tests find it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

func main() {
	cache := flag.String("cache", ".cache", "cache `folder` of the project")
	flag.Parse()
	if err := build(*cache); err != nil {
		fmt.Fprintln(os.Stderr, "buildtofu:", err)
		os.Exit(1)
	}
}

func build(cache string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fmt.Printf("building OpenTofu %s, which takes some minutes the first time\n", tfcli.OpenTofuVersion)
	cli, err := tfcli.Build(ctx, cache, os.Stdout)
	if err != nil {
		return err
	}
	fmt.Println("built", cli)
	return nil
}
