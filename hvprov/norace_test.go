// SPDX-License-Identifier: MPL-2.0

//go:build !race

package hvprov_test

const raceDetector = false
