# The modules that the agent uses. They are imported by name: a search for the module of a command reads all modules of the host, and
# the cache of that search is in the profile of the account, which is not loaded.

# Modules of Windows itself, which every runspace uses.
$script:AgentModules = 'Microsoft.PowerShell.Utility', 'Microsoft.PowerShell.Management', 'Microsoft.PowerShell.Security', 'CimCmdlets'

function Import-AgentModule {
    <#
    .SYNOPSIS
    Imports modules into this runspace.
    .DESCRIPTION
    Lock is an object that all runspaces of the process share: two of them cannot always load the types of a module at once.
    #>
    param([string[]] $Name = $script:AgentModules, [AllowNull()] $Lock)

    if ($null -ne $Lock) { [System.Threading.Monitor]::Enter($Lock) }
    try {
        foreach ($module in $Name) {
            if ($null -ne (Get-Module -Name $module)) { continue }
            # A command of a module that is missing fails by itself, and says more.
            try { Import-Module -Name $module -Verbose:$false } catch { $null = $_ }
        }
    } finally {
        if ($null -ne $Lock) { [System.Threading.Monitor]::Exit($Lock) }
    }
}
