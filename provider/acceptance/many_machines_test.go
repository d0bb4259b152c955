// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// A plan without changes makes few requests to each host, however many machines it has, and its cost grows linearly.
func TestThePlanOfManyMachinesMakesFewRequests(t *testing.T) {
	hosts, few, many, limit, plans := 2, 10, 30, 40, 1 // a loaded machine reads an inventory more often, because the plan takes longer
	full := os.Getenv("HYPERVVM_TEST_FULL") != ""
	if full {
		hosts, few, many, limit, plans = 10, 100, 1000, 15, 2
	}
	eachCLI(t, everyVersion, func(t *testing.T, w *workspace) {
		servers := make([]*simhost.Server, hosts)
		for i := range servers {
			server, err := simhost.Start(simhost.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = server.Close() })
			servers[i] = server
		}
		w.connectAll(servers)
		cost := map[int]time.Duration{}
		for _, n := range []int{few, many} {
			w.write("machines.tf", machines(n, hosts))
			w.mustQuietly("apply", "-auto-approve", "-parallelism=40")
			for range plans {
				used := w.planWithoutChanges(servers, n, limit)
				if cost[n] == 0 || used < cost[n] {
					cost[n] = used
				}
			}
		}
		t.Logf("CPU time of a plan on %d hosts: %v for %d machines, %v for %d", hosts, cost[few], few, cost[many], many)
		if full && cost[many] > cost[few]*time.Duration(many/few)*11/10 {
			t.Errorf("the cost grows faster than the number of machines")
		}
		w.mustQuietly("destroy", "-auto-approve", "-parallelism=40")
	})
}

// planWithoutChanges plans n machines, and returns the CPU time. More requests to a host than the limit, or more than one process, are
// errors.
func (w *workspace) planWithoutChanges(servers []*simhost.Server, n, limit int) time.Duration {
	w.t.Helper()
	before, entries := make([]simhost.Counters, len(servers)), make([]int, len(servers))
	for i, server := range servers {
		before[i], entries[i] = server.Counters(), len(server.Log())
	}
	used, out := w.mustQuietly("plan", "-parallelism=40")
	if !strings.Contains(out, "No changes.") {
		w.t.Fatalf("the plan of %d machines has changes:\n%s", n, out)
	}
	most := 0
	for i, server := range servers {
		now := server.Counters()
		posts, processes := now.POSTs-before[i].POSTs, now.Processes-before[i].Processes
		if posts > limit || processes > 1 {
			w.t.Errorf("the plan of %d machines made %d POSTs to host %d, and started %d processes there:%s", n, posts, i+1, processes,
				requests(server.Log()[entries[i]:]))
		}
		most = max(most, posts)
	}
	w.t.Logf("the plan of %d machines used %v of CPU time, and made at most %d POSTs to a host", n, used, most)
	return used
}

// requests returns the time, the action and the sizes of each request.
func requests(log []simhost.LogEntry) string {
	var b strings.Builder
	for _, e := range log {
		fmt.Fprintf(&b, "\n%s connection %d, %s: %d bytes in, %d out, status %d", e.Time.Format("05.000"), e.Connection,
			cmp.Or(e.Action[strings.LastIndex(e.Action, "/")+1:], "authentication"), e.BodyIn, e.BodyOut, e.Status)
	}
	return b.String()
}

// machines returns the configuration of machines that are spread over hosts.
func machines(n, hosts int) string {
	return fmt.Sprintf(`
resource "hypervvm" "vm" {
  count        = %d
  host         = "hv${count.index %% %d + 1}"
  vm_name      = "vm-${count.index}"
  image_name   = "ubuntu-24.04"
  gb_ram       = 0.5
  guest_la_uid = "ops"
  guest_la_pw  = "not-a-real-one"
}
`, n, hosts)
}

// connectAll makes the provider use simulated hosts, hv1 and so on.
func (w *workspace) connectAll(servers []*simhost.Server) {
	w.t.Helper()
	var b strings.Builder
	b.WriteString("terraform {\n  required_providers {\n    hypervvm = {\n      source = \"hypervvm/hypervvm\"\n    }\n  }\n}\n\nprovider \"hypervvm\" {\n  hosts = {\n")
	for i, s := range servers {
		fmt.Fprintf(&b, "    hv%d = { address = %q, port = %d, username = %q, password = %q, ca_cert = %q }\n", i+1, s.Address(), s.Port(), s.Username(), s.Password(), s.CACertPEM())
	}
	b.WriteString("  }\n}\n")
	w.write("main.tf", b.String())
}

// mustQuietly runs the command, which must succeed, and returns the CPU time that it and the provider used.
func (w *workspace) mustQuietly(arguments ...string) (used time.Duration, out string) {
	w.t.Helper()
	command := exec.CommandContext(w.t.Context(), w.cli.Path, append(arguments, "-no-color")...)
	command.Dir, command.Env = w.dir, w.env
	text, err := command.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%v: %v\n%s", arguments, err, text)
	}
	return command.ProcessState.UserTime() + command.ProcessState.SystemTime(), string(text)
}
