// SPDX-License-Identifier: MPL-2.0

// Package acceptance holds the tests that run the provider under the real Terraform or OpenTofu command. They are a
// package of their own since terraform-plugin-testing ends the whole test program where it finds no command.
package acceptance
