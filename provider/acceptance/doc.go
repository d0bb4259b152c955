// SPDX-License-Identifier: MPL-2.0

// Package acceptance contains the tests that run the provider in Terraform or OpenTofu. It is a separate package because
// terraform-plugin-testing exits the test process if it finds neither.
package acceptance
