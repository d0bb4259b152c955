// SPDX-License-Identifier: MPL-2.0

//go:build !race

package eventbus_test

const manyEvents = 1_000_000
