// SPDX-License-Identifier: MPL-2.0

//go:build race

package eventbus_test

const manyEvents = 100_000 // the race detector is slow
