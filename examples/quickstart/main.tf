# Two virtual machines on a simulated Hyper-V host: one with Linux and a static address, and one with Windows that joins a
# domain. `make demo` runs this example; it creates nothing outside its work folder.

terraform {
  required_version = ">= 1.5"

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

# The defaults below are values for the simulated host. For a real host, remove the defaults and set these variables with
# TF_VAR_… or from a secret store.

variable "linux_password" {
  description = "Password of the administrator of the Linux virtual machine."
  type        = string
  sensitive   = true
  default     = "throw-away-Linux-1" # not a secret: for the simulated host only
}

variable "windows_password" {
  description = "Password of the administrator of the Windows virtual machine."
  type        = string
  sensitive   = true
  default     = "throw-away-Windows-1" # not a secret: for the simulated host only
}

variable "domain_join_password" {
  description = "Password of the account that joins virtual machines to the domain."
  type        = string
  sensitive   = true
  default     = "throw-away-Join-1" # not a secret: for the simulated host only
}

provider "hypervvm" {
  # For a real host, replace `simulator` with `host = { address = …, username = …, password = … }`.
  simulator = {
    state_file = var.state_file
  }
  job_log_dir = var.job_log_dir
}

resource "hypervvm" "linux" {
  vm_name    = "web-01"
  image_name = "ubuntu-24.04"
  os_family  = "linux"
  gb_ram     = 4
  cpu_cores  = 2
  vlan_id    = 120
  notes      = "Web server of the quickstart"

  guest_la_uid = "ops"
  guest_la_pw  = var.linux_password

  guest_v4_ipaddr     = "192.0.2.50"
  guest_v4_cidrprefix = 24
  guest_v4_defaultgw  = "192.0.2.1"
  guest_v4_dns1       = "192.0.2.53"
}

resource "hypervvm" "windows" {
  vm_name     = "app-01"
  image_name  = "windows-server-2022"
  os_family   = "windows"
  gb_ram      = 8
  cpu_cores   = 4
  switch_name = "External"

  guest_la_uid = "Administrator"
  guest_la_pw  = var.windows_password

  guest_domain_jointarget = "corp.lab.example"
  guest_domain_joinuid    = "LAB\\svc_join"
  guest_domain_joinpw     = var.domain_join_password
  guest_domain_joinou     = "OU=Servers,DC=corp,DC=lab,DC=example"

  timeouts = {
    create = "45m"
  }
}

output "machines" {
  description = "Location of each virtual machine, and the log of the job that created it."
  value = {
    for machine in [hypervvm.linux, hypervvm.windows] : machine.vm_name => {
      id        = machine.id
      host      = machine.host
      addresses = machine.ip_addresses
      job_log   = "${var.job_log_dir}/${machine.job_id}.log"
    }
  }
}
