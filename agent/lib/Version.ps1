# What this agent is, and what it understands.

$script:AgentVersion = '0.1.0'
$script:AgentSchemaId = 'vm-provisioning'
$script:AgentSchemaVersions = @(1)
