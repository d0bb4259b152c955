// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"log/slog"
	"time"
)

func (s *Source) timeout() time.Duration {
	if s.Timeout <= 0 {
		return defaultTimeout
	}
	return s.Timeout
}

func (s *Source) maxSize() int64 {
	if s.MaxSize <= 0 {
		return maxSize
	}
	return min(s.MaxSize, maxSize)
}

func (s *Source) retries() int {
	if s.Retries == 0 {
		return defaultRetries
	}
	return max(s.Retries, 0)
}

func (s *Source) logger() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger
}

func (s *Source) clock() time.Time {
	if s.now == nil {
		return time.Now()
	}
	return s.now()
}
