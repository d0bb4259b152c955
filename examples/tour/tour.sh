#!/usr/bin/env bash
# A tour: what people do with virtual machines in Terraform in a week, in 41 steps, on two simulated hosts. `make tour` runs it.
#
# Each step changes the configuration, runs a command, and checks what it printed. A step that needs a newer version of Terraform is
# skipped and says so; so is one that needs the real agent, if HYPERVVM_PWSH does not name a PowerShell 7. TERRAFORM names another
# command, for example TERRAFORM=tofu. VERBOSE=1 prints the output of the commands.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
terraform=${TERRAFORM:-terraform}
type "$terraform" >/dev/null || { echo "tour: $terraform is not installed: name a command with TERRAFORM" >&2; exit 2; }
work=$(mktemp -d)
hosts=() # process IDs
finish() {
  status=$?
  [ ${#hosts[@]} = 0 ] || kill "${hosts[@]}" 2>/dev/null || true
  wait
  if [ $status = 0 ]; then rm -rf "$work"; else echo "tour: failed; files are in $work" >&2; fi
}
trap finish EXIT

# --- the tools of the tour

number=0 skipped=0
step() { number=$((number + 1)) && printf '%2d  %s\n' "$number" "$*"; }
day() { printf '\n%s\n' "$*"; }
fail() { printf 'tour: step %d: %s\n' "$number" "$*" >&2 && cat "$work/output" >&2 && exit 1; }

# tf runs a command in the folder of the configuration, and keeps its output for `expect`.
tf() {
  (cd "$work/lab" && "$terraform" "$@") >"$work/output" 2>&1 || fail "$terraform $* failed"
  [ -z "${VERBOSE:-}" ] || cat "$work/output"
}
# refused runs a command that must fail.
refused() {
  if (cd "$work/lab" && "$terraform" "$@") >"$work/output" 2>&1; then fail "$terraform $* succeeded"; fi
}
# expect checks that the last command printed each text. Boxes and line breaks of messages are ignored.
expect() {
  for text in "$@"; do
    tr -d '│╷╵' <"$work/output" | tr -s ' \n' '  ' | grep -qF -- "$text" || fail "the output lacks: $text"
  done
}
apply() { tf apply -auto-approve "$@"; }
plan() { tf plan "$@"; }
unchanged() { tf plan -detailed-exitcode && expect "No changes."; }
lab() { cat >"$work/lab/$1"; }

# has reports whether the command is Terraform of a version, or OpenTofu of another one ("never": no version yet), and skips the step if not.
version=$("$terraform" version -json | sed -n 's/.*"terraform_version": *"\([0-9.]*\).*/\1/p')
product=terraform
"$terraform" version | grep -q OpenTofu && product=tofu
has() {
  local since=$1
  [ $product = terraform ] || since=$2
  if [ "$since" != never ] && [ "$(printf '%s\n' "$since" "$version" | sort -V | head -n 1)" = "$since" ]; then return 0; fi
  skipped=$((skipped + 1)) && printf '    skipped: it needs Terraform %s%s, and this is %s %s\n' "$1" "$([ "$2" = never ] || printf ' or OpenTofu %s' "$2")" "$product" "$version"
  return 1
}

# agent reports whether the real agent runs on the hosts, and skips the step if not.
agent() {
  if [ -n "${HYPERVVM_PWSH:-}" ]; then return 0; fi
  skipped=$((skipped + 1)) && echo "    skipped: it needs the real agent: set HYPERVVM_PWSH"
  return 1
}

# --- the lab: a provider built from this folder, and two hosts

mkdir "$work/bin" "$work/lab"
(cd "$root" && go build -o "$work/bin/" . ./hvprov/simhost/cmd/simhost)
cat >"$work/cli.tfrc" <<END
provider_installation {
  dev_overrides { "hypervvm/hypervvm" = "$work/bin" }
  direct {}
}
END
export TF_CLI_CONFIG_FILE=$work/cli.tfrc CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_INPUT=0 TF_CLI_ARGS=-no-color
HYPERVVM_SIMHOST_PASSWORD=$(head -c 24 /dev/urandom | base64) && export HYPERVVM_SIMHOST_PASSWORD
export TF_VAR_hyperv_password=$HYPERVVM_SIMHOST_PASSWORD TF_VAR_admin_password="of-the-tour-1"

for name in hv01 hv02; do
  "$work/bin/simhost" -addr 127.0.0.1:0 -state "$work/$name.json" -ca-out "$work/$name.pem" >"$work/$name.out" & hosts+=($!)
  until grep -q 'Press Ctrl-C' "$work/$name.out"; do kill -0 $! || exit 1; sleep 0.1; done
  declare "port_$name=$(sed -n 's/^export HYPERVVM_PORT=//p' "$work/$name.out")"
done

lab provider.tf <<END
terraform {
  required_providers {
    hypervvm = { source = "hypervvm/hypervvm" }
  }
}

variable "hyperv_password" {
  type      = string
  sensitive = true
}

variable "admin_password" {
  type      = string
  sensitive = true
}

provider "hypervvm" {
  hosts = {
    hv01 = { address = "127.0.0.1", port = $port_hv01, username = "Administrator", password = var.hyperv_password, ca_cert = file("$work/hv01.pem") }
    hv02 = { address = "127.0.0.1", port = $port_hv02, username = "Administrator", password = var.hyperv_password, ca_cert = file("$work/hv02.pem") }
  }
}
END

echo "A week with hypervvm: $product $version, two simulated hosts"

day "Monday: the first machine"

web() { # the arguments are further lines
  lab web.tf <<END
resource "hypervvm" "web" {
  host         = "hv01"
  vm_name      = "web-01"
  image_name   = "ubuntu-24.04"
  guest_la_uid = "ops"
  guest_la_pw  = var.admin_password
$(printf '  %s\n' "$@")
}
END
}

step "A value out of range is reported without a host"
web 'vlan_id = 5000'
refused validate
expect "vlan_id" "4094"

step "A misspelt image is reported by the plan, with the images that the host has"
web
sed -i 's/ubuntu-24.04/ubuntu-24.40/' "$work/lab/web.tf"
plan # a warning: the same apply may put the image there first
expect "ubuntu-24.40" "Use one of: ubuntu-24.04"

step "The machine is created; Terraform shows the progress in its log"
web
TF_LOG_PROVIDER=INFO apply
expect "1 added" "succeeded: virtual machine 'web-01' is running"

step "A second plan has nothing to do"
unchanged

step "Outputs have the addresses that the guest reports"
lab outputs.tf <<'END'
output "addresses" { value = hypervvm.web.ip_addresses }
END
apply
expect "addresses = ["

step "Data sources show what the hosts have"
lab data.tf <<'END'
data "hypervvm_hosts" "all" {}
data "hypervvm_images" "hv01" { host = "hv01" }
data "hypervvm_switches" "hv01" { host = "hv01" }
output "hosts" { value = [for h in data.hypervvm_hosts.all.hosts : h.host] }
output "images" { value = [for i in data.hypervvm_images.hv01.images : i.name] }
output "switches" { value = [for s in data.hypervvm_switches.hv01.switches : s.name] }
END
apply
expect '"hv01"' '"hv02"' '"ubuntu-24.04"' '"External"'

day "Tuesday: changes"

step "Memory and processors: a running machine is not stopped without permission"
web 'gb_ram = 6' 'cpu_cores = 4'
refused plan
expect "allow_power_cycle"

step "With permission they change in place"
web 'gb_ram = 6' 'cpu_cores = 4' 'allow_power_cycle = true'
plan
expect "0 to destroy" "1 to change"
apply
unchanged

step "The disk of the system grows"
full=('gb_ram = 6' 'cpu_cores = 4' 'allow_power_cycle = true')
if agent; then
  full+=('disk_size_gb = 60')
  web "${full[@]}"
  apply
  expect "1 changed"
fi

step "A smaller disk is refused by the plan"
if agent; then
  web "${full[@]/60/50}"
  refused plan
  expect "disk_size_gb"
fi

step "Data disks are added"
if agent; then
  web "${full[@]}" 'data_disks = [{ name = "data", size_gb = 20 }, { name = "logs", size_gb = 5 }]'
  apply
  unchanged
fi

step "A data disk grows, another is detached and keeps its file"
if agent; then
  full+=('data_disks = [{ name = "data", size_gb = 40 }]')
  web "${full[@]}"
  apply
  [ -n "$(find "$work/hv01.json.d" -name '*logs*.vhdx')" ] || fail "the file of the disk is gone"
fi

step "The network: a switch and a VLAN"
full+=('switch_name = "External"' 'vlan_id = 120')
web "${full[@]}"
apply
unchanged

step "A second adapter has a MAC address that is made from a name"
if agent && has 1.8 1.7; then
  full+=('network_adapters = [{ name = "backup", switch_name = "External", mac_address = provider::hypervvm::stable_mac_address("web-01/backup") }]')
  web "${full[@]}"
  apply
  unchanged
fi

step "The machine is renamed in place"
web "${full[@]}"
sed -i 's/"web-01"$/"www-01"/' "$work/lab/web.tf"
plan
expect "0 to destroy"
apply
web "${full[@]}"
apply

step "It is turned off, and started again"
web "${full[@]}" 'power_state = "off"'
apply
web "${full[@]}" 'power_state = "running"'
apply
unchanged

step "A block is moved in the configuration: nothing happens to the machine"
sed -i 's/"hypervvm" "web"/"hypervvm" "front"/' "$work/lab/web.tf"
sed -i 's/hypervvm.web/hypervvm.front/' "$work/lab/outputs.tf"
printf 'moved {\n  from = hypervvm.web\n  to   = hypervvm.front\n}\n' >>"$work/lab/web.tf"
plan
expect "0 to add, 0 to change, 0 to destroy"
apply
rm "$work/lab/outputs.tf" && web "${full[@]}" && sed -i 's/"hypervvm" "web"/"hypervvm" "front"/' "$work/lab/web.tf"

day "Wednesday: several machines"

step "for_each spreads machines over the hosts"
fleet() { # the argument is the map of machines
  lab fleet.tf <<END
resource "hypervvm" "app" {
  for_each     = $1
  host         = each.value
  vm_name      = each.key
  image_name   = "ubuntu-24.04"
  gb_ram       = 2
  notes        = "an application"
  guest_la_uid = "ops"
  guest_la_pw  = var.admin_password
}
END
}
fleet '{ app-01 = "hv01", app-02 = "hv02", app-03 = "hv01", app-04 = "hv02" }'
apply
expect "4 added"

step "One is added, one is removed, the others stay"
fleet '{ app-01 = "hv01", app-02 = "hv02", app-03 = "hv01", app-05 = "hv02" }'
plan
expect "1 to add, 0 to change, 1 to destroy"
apply

step "A name that is taken is reported by the plan"
lab taken.tf <<'END'
resource "hypervvm" "taken" {
  host         = "hv01"
  vm_name      = "APP-01"
  image_name   = "ubuntu-24.04"
  guest_la_uid = "ops"
  guest_la_pw  = var.admin_password
}
END
refused plan
expect "APP-01"
rm "$work/lab/taken.tf"

step "Machines that do not fit together are named"
fleet '{ app-01 = "hv01", app-02 = "hv02", app-03 = "hv01", app-05 = "hv02", big-01 = "hv01", big-02 = "hv01", big-03 = "hv01" }'
sed -i 's/gb_ram       = 2/gb_ram       = startswith(each.key, "big") ? 24 : 2/' "$work/lab/fleet.tf"
plan
expect "big-01" "big-02" "memory"
fleet '{ app-01 = "hv01", app-02 = "hv02", app-03 = "hv01", app-05 = "hv02" }'

step "One machine of many is replaced"
apply -replace='hypervvm.app["app-03"]'
expect "1 added" "1 destroyed"

day "Thursday: secrets, and what others did"

step "The state of Terraform has no password of a guest with write-only attributes"
if has 1.11 1.11; then
  lab secret.tf <<'END'
variable "ephemeral_password" {
  type      = string
  ephemeral = true
  sensitive = true
}

resource "hypervvm" "secret" {
  host                   = "hv02"
  vm_name                = "secret-01"
  image_name             = "ubuntu-24.04"
  guest_la_uid           = "ops"
  guest_la_pw_wo         = var.ephemeral_password
  guest_la_pw_wo_version = 1
}
END
  export TF_VAR_ephemeral_password="never-in-the-state-1"
  apply
  ! grep -q never-in-the-state "$work/lab/terraform.tfstate" || fail "the state contains the password"
fi

step "A rotated password is recorded, the machine stays"
if has 1.11 1.11; then
  sed -i 's/_version = 1/_version = 2/' "$work/lab/secret.tf"
  TF_VAR_ephemeral_password=never-in-the-state-2 apply
  expect "1 changed"
fi

# The colleague has a configuration of his own for the same machine.
colleague() { # the argument is a line
  mkdir -p "$work/colleague" && cp "$work/lab/provider.tf" "$work/colleague/"
  cat >"$work/colleague/main.tf" <<END
resource "hypervvm" "app" {
  host    = "hv01"
  vm_name = "app-01"
  gb_ram  = 2
  $1
}
END
  (cd "$work/colleague" && { [ -e terraform.tfstate ] || "$terraform" import hypervvm.app "$app01"; } && "$terraform" apply -auto-approve) >"$work/output" 2>&1 || fail "the colleague failed"
}
tf console <<<'hypervvm.app["app-01"].id'
app01=hv01/$(tr -d '"\n' <"$work/output")

step "A change by hand is shown by the plan"
colleague 'notes = "changed by hand"'
plan
expect 'hypervvm.app["app-01"] will be updated in-place' "changed by hand"

step "Apply restores what is configured"
apply
unchanged

step "A change by hand that is accepted is ignored"
colleague 'notes = "changed again"'
sed -i 's/^}$/  lifecycle { ignore_changes = [notes] }\n}/' "$work/lab/fleet.tf"
apply
unchanged

step "A machine that was deleted by hand is created again"
(cd "$work/colleague" && "$terraform" destroy -auto-approve) >"$work/output" 2>&1 || fail "the colleague failed"
plan
expect "1 to add"
apply

step "A host that does not answer is reported once, and nothing changes"
kill "${hosts[1]}" && wait "${hosts[1]}" 2>/dev/null || true
refused plan
expect "hv02"
"$work/bin/simhost" -addr "127.0.0.1:$port_hv02" -state "$work/hv02.json" -ca-out "$work/hv02.pem" >"$work/hv02.out" & hosts[1]=$!
until grep -q 'Press Ctrl-C' "$work/hv02.out"; do kill -0 "${hosts[1]}" || exit 1; sleep 0.1; done
unchanged

day "Friday: machines that exist already"

step "A machine that Terraform forgot is imported by its id"
tf state show hypervvm.front
front=hv01/$(sed -n 's/^ *id *= "\(.*\)"/\1/p' "$work/output" | head -n 1)
tf state rm hypervvm.front
tf import hypervvm.front "$front"
plan
expect "0 to destroy"
apply
unchanged

step "An import block writes the configuration too"
tf state rm hypervvm.front
mv "$work/lab/web.tf" "$work/web.tf"
lab import.tf <<END
import {
  to = hypervvm.front
  id = "$front"
}
END
plan -generate-config-out=generated.tf
expect "1 to import, 0 to add, 0 to change, 0 to destroy"
rm "$work/lab/generated.tf" "$work/lab/import.tf" && mv "$work/web.tf" "$work/lab/web.tf"

step "An import by identity"
if has 1.12 1.12; then
  lab import.tf <<END
import {
  to       = hypervvm.front
  identity = { host = "hv01", id = "${front#hv01/}" }
}
END
  apply
  expect "1 imported"
  rm "$work/lab/import.tf"
else
  tf import hypervvm.front "$front" && apply
fi

step "A query lists the machines that Terraform does not manage, with their configuration"
if has 1.14 never; then
  tf console <<<'hypervvm.app["app-05"].id'
  app05=hv02/$(tr -d '"\n' <"$work/output")
  tf state rm 'hypervvm.app["app-05"]'
  lab all.tfquery.hcl <<'END'
list "hypervvm" "all" {
  provider = hypervvm
  config { name_regex = "^app-05$" }
}
END
  tf query -generate-config-out=found.tf
  expect "app-05"
  grep -q 'import {' "$work/lab/found.tf" || fail "no import block was generated"
  rm "$work/lab/found.tf" "$work/lab/all.tfquery.hcl"
  tf import 'hypervvm.app["app-05"]' "$app05"
  apply
fi

day "Saturday: operations"

step "An image is copied into the folder of the images"
lab image.tf <<END
resource "hypervvm_image" "golden" {
  host        = "hv01"
  file        = "golden.vhdx"
  source_path = "$(find "$work/hv01.json.d" -name ubuntu-24.04.vhdx)"
}
END
apply
expect "1 added"
apply # the data source lists it
expect '+ "golden"'
unchanged

step "A virtual hard disk that belongs to no machine is created, and grows"
lab disk.tf <<'END'
resource "hypervvm_disk" "archive" {
  host    = "hv01"
  name    = "archive.vhdx"
  size_gb = 10
}
END
apply
sed -i 's/size_gb = 10/size_gb = 20/' "$work/lab/disk.tf"
apply
expect "1 changed"

step "An action restarts a machine"
if has 1.14 never; then
  lab power.tf <<'END'
action "hypervvm_power" "restart" {
  config {
    vm_id     = hypervvm.front.id
    host      = "hv01"
    operation = "restart"
  }
}
END
  apply -invoke=action.hypervvm_power.restart
  expect "web-01"
fi

step "A machine is exported to a folder of its host"
if has 1.14 never; then
  mkdir "$work/exports"
  lab export.tf <<END
action "hypervvm_export" "backup" {
  config {
    vm_id = hypervvm.front.id
    host  = "hv01"
    path  = "$work/exports"
  }
}
END
  apply -invoke=action.hypervvm_export.backup
  [ -n "$(find "$work/exports" -name '*.vhdx')" ] || fail "nothing was exported"
fi

step "A checkpoint is taken before a change"
if agent; then
  full+=('checkpoint_type = "production"')
  web "${full[@]}" && sed -i 's/"hypervvm" "web"/"hypervvm" "front"/' "$work/lab/web.tf"
  apply
  lab checkpoint.tf <<'END'
resource "hypervvm_checkpoint" "before_upgrade" {
  vm_id = hypervvm.front.id
  name  = "before-upgrade"
}
END
  apply
  expect "1 added"
fi

step "The checkpoint is removed with its resource"
if agent; then
  rm "$work/lab/checkpoint.tf"
  apply
  expect "1 destroyed"
fi

day "Sunday: the end"

step "The plan of a destruction names what is deleted"
plan -destroy
expect "to destroy"

step "Everything is destroyed, and the hosts are empty"
tf destroy -auto-approve
for host in hv01 hv02; do
  ! find "$work/$host.json.d" -name '*.vhdx' | grep -v -e /Images/ -e logs >"$work/output" || fail "$host has files left"
done

printf '\n%d steps, %d skipped\n' "$number" "$skipped"
