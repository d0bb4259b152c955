// SPDX-License-Identifier: MPL-2.0

//go:build race

package clixml_test

const raceDetector = true
