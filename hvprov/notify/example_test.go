// SPDX-License-Identifier: MPL-2.0

package notify_test

import (
	"context"
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// A job is followed to its end by somebody who comes late.
func Example() {
	bus := notify.New(notify.Options{})
	defer bus.Close()
	publish := func(e notify.Event) { e.Job = "job-1"; bus.Publish(e) }

	publish(notify.Event{Kind: notify.KindJobState, State: string(job.StatusRunning)})
	publish(notify.Event{Kind: notify.KindJobEvent, Event: &job.Event{Kind: job.KindStep, Number: 1, Of: 2, Step: "disk", Message: "copying"}})

	late := bus.Subscribe(notify.Filter{Job: "job-1", Replay: true})
	defer late.Close()
	publish(notify.Event{Kind: notify.KindJobState, State: string(job.StatusEnded)})

	for e, err := range late.All(context.Background()) {
		switch {
		case err != nil:
			fmt.Println(err)
		case e.Kind == notify.KindGap:
			fmt.Println(e.Missed, "missed")
		case e.Event != nil:
			fmt.Println(e.Seq, e.Event)
		default:
			fmt.Println(e.Seq, e.State)
		}
	}
	// Output:
	// 1 running
	// 2 [1/2] disk: copying
	// 3 ended
}
