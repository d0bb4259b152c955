# The version of this agent, and the job schemas that it supports.

$script:AgentVersion = '0.1.0'
$script:AgentSchemaId = 'vm-provisioning'
$script:AgentSchemaVersions = @(1, 2)
