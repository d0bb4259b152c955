# Two virtual machines with the attributes of a custom schema, job-inputs.yaml, on a simulated Hyper-V host.
# `make demo EXAMPLE=custom-schema` runs this example; it creates nothing outside its work folder.

terraform {
  required_version = ">= 1.8"

  required_providers {
    hypervvm = {
      source = "hypervvm/hypervvm"
    }
  }
}

variable "state_file" {
  description = "File that keeps the state of the simulated host."
  type        = string
  default     = "simulated-host.json"
}

variable "job_log_dir" {
  description = "Folder for job logs."
  type        = string
  default     = "job-logs"
}

# The default is a value for the simulated host. For a real host, remove the default and set this variable with TF_VAR_… or
# from a secret store.
variable "admin_password" {
  description = "Password of the administrator of the virtual machines."
  type        = string
  sensitive   = true
  default     = "throw-away-Admin-1" # not a secret: for the simulated host only
}

# The schema is not a setting of the provider: Terraform needs the attributes before it reads the provider configuration. The
# HYPERVVM_SCHEMA_FILE environment variable names it.
provider "hypervvm" {
  # For a real host, replace `simulator` with `host = { address = …, username = …, password = … }`.
  simulator = {
    state_file = var.state_file
  }
  job_log_dir = var.job_log_dir
}

resource "hypervvm" "web" {
  name        = "web-01"
  template    = "ubuntu-24.04" # os is inferred from it: linux
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
  os       = "windows" # can be set explicitly
  memory   = 8
  network  = "External"

  admin_user     = "labadmin"
  admin_password = var.admin_password

  tags = ["training"]
}

output "machines" {
  description = "Location of each virtual machine, and the log of the job that created it."
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
