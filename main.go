// SPDX-License-Identifier: MPL-2.0

// Command terraform-provider-hypervvm is the Terraform provider hypervvm.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"time"

	frameworkprovider "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/hypervvm/terraform-provider-hypervvm/provider"
)

// version is set by the linker in releases.
var version = "dev"

// closeTimeout is shorter than the two seconds that Terraform waits for a plugin to exit.
const closeTimeout = 1800 * time.Millisecond

func main() {
	debug := flag.Bool("debug", false, "serve with support for debuggers such as Delve")
	flag.Parse()
	if err := serve(*debug); err != nil {
		log.Print(err)
		os.Exit(1)
	}
}

func serve(debug bool) error {
	schema, schemaErr := provider.LoadSchema()
	p := provider.New(version, schema, schemaErr)
	err := providerserver.Serve(context.Background(), func() frameworkprovider.Provider { return p },
		providerserver.ServeOpts{Address: provider.Address, Debug: debug})
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if closeErr := p.Close(ctx); closeErr != nil {
		log.Printf("[WARN] sessions with hosts were not closed and will expire: %v", closeErr)
	}
	return err
}
