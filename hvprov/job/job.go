// SPDX-License-Identifier: MPL-2.0

// Package job holds the plain data of a job: what is asked for, what is told meanwhile, and how it ends.
package job
