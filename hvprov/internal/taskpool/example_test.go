// SPDX-License-Identifier: MPL-2.0

package taskpool_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
)

func Example() {
	pool, err := taskpool.NewPool(taskpool.Options{Name: "query", Max: 32, PerHost: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	err = pool.Do(ctx, taskpool.Task{
		Category: "inventory", Host: "hv01", Limit: 20 * time.Millisecond,
		Run: func(ctx context.Context) error {
			<-ctx.Done() // a host that does not answer
			return errors.New("no answer")
		},
	})
	fmt.Println(err)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	fmt.Println(pool.Metrics().Categories["inventory"].TimedOut)
	fmt.Println(pool.Close(ctx))
	// Output:
	// inventory task in pool query on host hv01 exceeded its time limit of 20ms: no answer
	// true
	// 1
	// <nil>
}
