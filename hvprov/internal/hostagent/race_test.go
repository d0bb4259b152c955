// SPDX-License-Identifier: MPL-2.0

//go:build race

package hostagent_test

const raceDetector = true
