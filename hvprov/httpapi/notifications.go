// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// notifier turns events of the service into notifications: the end of a job, an unknown outcome, and a host that stops answering or
// answers again.
type notifier struct {
	h    *Handler
	down map[string]bool // hosts whose disconnection was notified; used by run only
}

// watch notifies of events until the subscription ends.
func (n *notifier) watch(events notify.Subscription) {
	ctx := context.Background() // until the subscription ends
	for {
		e, err := events.Next(ctx)
		if err != nil {
			return
		}
		note, ok := n.notification(e)
		if !ok {
			continue
		}
		if err := n.add(ctx, note); err != nil {
			n.h.logger.Error("cannot keep a notification", "title", note.Title, "error", err)
		}
	}
}

// add keeps a notification unless it is there: the bus replays events from before the handler, and another replica may have kept it. The
// clients of this one receive it either way.
func (n *notifier) add(ctx context.Context, note notifications.Notification) error {
	has, err := n.h.opts.Notifications.Has(ctx, note.ID)
	if err == nil && !has {
		err = n.h.opts.Notifications.Put(ctx, note)
	}
	if err != nil {
		return err
	}
	n.h.hub.publish(message{Type: "notification", Action: "created", Topics: []string{topicNotifications}, Time: note.Time, Notification: &note})
	return nil
}

// notification returns the notification for an event, if there is one.
func (n *notifier) notification(e notify.Event) (notifications.Notification, bool) {
	switch {
	case e.Kind == notify.KindJobState && jobstore.State(e.State).Ended():
		return n.ofJob(e), true
	case e.Kind == notify.KindHostState && e.State == "disconnected":
		n.down[e.Host] = true
		return notifications.Notification{
			ID: fmt.Sprintf("host-%s-%d", e.Bus, e.Seq), Time: e.Time, Level: notifications.Error, Host: e.Host,
			Title: "Host " + e.Host + " does not answer", Text: e.Err,
		}, true
	case e.Kind == notify.KindHostState && e.State == "connected" && n.down[e.Host]:
		delete(n.down, e.Host)
		return notifications.Notification{
			ID: fmt.Sprintf("host-%s-%d", e.Bus, e.Seq), Time: e.Time, Level: notifications.Info, Host: e.Host,
			Title: "Host " + e.Host + " answers again",
		}, true
	}
	return notifications.Notification{}, false
}

// subjects are the operations in titles.
var subjects = map[job.Operation]string{
	job.OperationProvision:  "Creation of ",
	job.OperationUpdate:     "Update of ",
	job.OperationDelete:     "Deletion of ",
	job.OperationPower:      "Power action on ",
	job.OperationCheckpoint: "Checkpoint job on ",
	job.OperationDisk:       "Job on virtual hard disk ",
	job.OperationSwitch:     "Job on virtual switch ",
}

func (n *notifier) ofJob(e notify.Event) notifications.Notification {
	record, err := n.h.service.Job(e.Job)
	if err != nil { // the service has forgotten it meanwhile
		record = jobstore.Record{ID: e.Job}
	}
	name := record.VMName
	if name == "" && record.Result != nil && record.Result.VM != nil {
		name = record.Result.VM.Name
	}
	value := func(field string) string { s, _ := record.Values[field].(string); return s }
	subject := cmp.Or(subjects[record.Operation], "Job on ") + cmp.Or(name, record.VMID, value("disk_path"), value("switch_name"), value("switch_id"), "a virtual machine")
	note := notifications.Notification{
		ID: "job-" + e.Job + "-" + e.State, Time: e.Time, Host: e.Host, Job: e.Job, VM: name, Text: e.Err,
	}
	switch jobstore.State(e.State) {
	case jobstore.Succeeded:
		note.Level, note.Title = notifications.Success, subject+" succeeded"
	case jobstore.Cancelled:
		note.Level, note.Title = notifications.Warning, subject+" was cancelled"
	case jobstore.Unknown:
		note.Level, note.Title = notifications.Warning, subject+" has an unknown outcome"
	default:
		note.Level, note.Title = notifications.Error, subject+" failed"
	}
	return note
}

// notificationPage is a page of notifications, the newest first.
type notificationPage struct {
	Notifications []notifications.Notification `json:"notifications"`
	Unread        int                          `json:"unread"`         // of all
	Next          string                       `json:"next,omitempty"` // cursor of the next page; absent on the last one
}

// listNotifications returns notifications with the read marks of the client.
func (h *Handler) listNotifications(w http.ResponseWriter, r *http.Request) error {
	values, err := query(r, "unread", "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := number(values, "limit", 1, 500, 50)
	if err != nil {
		return err
	}
	f := notifications.Filter{Reader: callOf(r).identity.Name, Limit: int(limit), After: values.Get("cursor")}
	switch values.Get("unread") {
	case "", "false":
	case "true":
		f.Unread = true
	default:
		return newProblem("invalid_request", "query parameter unread must be true or false")
	}
	page, err := h.opts.Notifications.List(r.Context(), f)
	if errors.Is(err, notifications.ErrCursor) {
		return newProblem("invalid_request", "the cursor is not one of this list: use the value of next, or none")
	}
	if err != nil {
		return err
	}
	if page.Notifications == nil {
		page.Notifications = []notifications.Notification{}
	}
	return replyTagged(w, r, "application/json", notificationPage{page.Notifications, page.Unread, page.Next})
}

// readBody is the body of a request that marks notifications as read.
type readBody struct {
	IDs []string `json:"ids"`
	All bool     `json:"all"`
}

// postNotificationsRead marks notifications as read by the client.
func (h *Handler) postNotificationsRead(w http.ResponseWriter, r *http.Request) error {
	var body readBody
	if err := decode(r, &body); err != nil {
		return err
	}
	if body.All == (len(body.IDs) > 0) {
		return newProblem("invalid_request", "send ids, or all as true")
	}
	if body.All {
		body.IDs = nil
	}
	reader := callOf(r).identity.Name
	marked, err := h.opts.Notifications.MarkRead(r.Context(), reader, body.IDs)
	if err != nil {
		return err
	}
	page, err := h.opts.Notifications.List(r.Context(), notifications.Filter{Reader: reader, Limit: 1})
	if err != nil {
		return err
	}
	if len(marked) > 0 {
		h.hub.publish(message{Type: "notification", Action: "read", Topics: []string{topicNotifications}, reader: reader, IDs: marked, Unread: &page.Unread})
	}
	return reply(w, http.StatusOK, map[string]int{"unread": page.Unread})
}

// subscribe returns what the handler needs of the events of the service.
func subscribe(service *hvprov.Service) (all, notable notify.Subscription) {
	const waiting = 1 << 16 // events; the handler reads them faster than hosts send them, apart from pauses
	all = service.Subscribe(notify.Filter{Replay: true, Buffer: waiting, BufferBytes: 64 << 20})
	notable = service.Subscribe(notify.Filter{
		Kinds: []notify.Kind{notify.KindJobState, notify.KindHostState}, Replay: true, Buffer: waiting, BufferBytes: 64 << 20,
	})
	return all, notable
}
