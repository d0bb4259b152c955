# Two virtual machines with the attributes of a team's own schema, job-inputs.yaml beside this file, on a simulated
# Hyper-V host. `make demo EXAMPLE=custom-schema` runs this; nothing is made outside its work folder.

terraform {
  required_version = ">= 1.8"

  required_providers {
    hypervvm = {
      source = "hypervvm/hypervvm"
    }
  }
}

variable "state_file" {
  description = "File that keeps what the simulated host holds."
  type        = string
  default     = "simulated-host.json"
}

variable "job_log_dir" {
  description = "Folder for one log file per job."
  type        = string
  default     = "job-logs"
}

# A throw-away value for the simulated host. For a real one give this variable no default, and set it with TF_VAR_… or
# from a secret store.
variable "admin_password" {
  description = "Password of the machines' administrator."
  type        = string
  sensitive   = true
  default     = "throw-away-Admin-1" # not a secret: for the simulated host only
}

# The schema is no setting of the provider, since its attributes have to be known before there are settings. It comes
# from the environment: HYPERVVM_SCHEMA_FILE.
provider "hypervvm" {
  # In place of `simulator`, a real host is given by `host = { address = …, username = …, password = … }`.
  simulator = {
    state_file = var.state_file
  }
  job_log_dir = var.job_log_dir
}

resource "hypervvm" "web" {
  name        = "web-01"
  template    = "ubuntu-24.04" # os follows from it: linux
  memory      = 4
  cpus        = 2
  description = "Web server of the training in May"

  admin_user     = "ops"
  admin_password = var.admin_password

  address = "192.0.2.50"
  prefix  = 24
  gateway = "192.0.2.1"
  dns     = "192.0.2.53"

  services = [
    { name = "http", port = 80 },
    { name = "dns", port = 53, protocol = "udp" },
  ]
  tags = ["training", "may"]

  cost_center = "4711"
  owner       = "ada@lab.example"
}

resource "hypervvm" "desktop" {
  name     = "desktop-01"
  template = "windows-server-2022"
  os       = "windows" # it may be given all the same
  memory   = 8
  network  = "External"

  admin_user     = "labadmin"
  admin_password = var.admin_password

  tags = ["training"]
}

output "machines" {
  description = "Where each machine is, and the log of the job that made it."
  value = {
    for machine in [hypervvm.web, hypervvm.desktop] : machine.name => {
      id        = machine.id
      host      = machine.host
      os        = machine.os
      addresses = machine.ip_addresses
      job_log   = "${var.job_log_dir}/${machine.job_id}.log"
    }
  }
}
