// SPDX-License-Identifier: MPL-2.0

package taskpool

import "github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/histogram"

// Histogram tells how durations are spread. Its buckets are cumulative, as Prometheus has them.
type Histogram = histogram.Histogram

// Bucket tells how many durations were no longer than a bound.
type Bucket = histogram.Bucket
