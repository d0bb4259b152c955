// SPDX-License-Identifier: MPL-2.0

package eventbus_test

import (
	"context"
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/eventbus"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// A subscriber that comes late follows a job from its beginning to its end. Here a bus takes the place of the service.
func Example() {
	bus := eventbus.New(eventbus.Options{})
	defer bus.Close()
	bus.Publish(notify.Event{Kind: notify.KindJobState, Job: "job-1", State: "running"})
	bus.Publish(notify.Event{Kind: notify.KindJobEvent, Job: "job-1", Event: &job.Event{
		Kind: job.KindStep, Number: 1, Of: 2, Step: "disk", Message: "copying",
	}})

	var service notify.Source = bus
	events := service.Subscribe(notify.Filter{Job: "job-1", Replay: true})
	defer events.Close()
	bus.Publish(notify.Event{Kind: notify.KindJobState, Job: "job-1", State: "succeeded", Last: true})

	for e, err := range events.All(context.Background()) {
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
	// 3 succeeded
}
