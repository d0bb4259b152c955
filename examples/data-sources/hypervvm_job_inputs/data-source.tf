data "hypervvm_job_inputs" "schema" {}

# The attributes whose change replaces a virtual machine
output "replacing" {
  value = [for f in data.hypervvm_job_inputs.schema.fields : f.path if f.change == "replace"]
}
