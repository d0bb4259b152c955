# Errors with a code, a field and a remedy.

function New-AgentError {
    <#
    .SYNOPSIS
    Returns an exception for a message of the catalogue. Field names the field that caused it.
    #>
    param(
        [Parameter(Mandatory)] [string] $MessageId,
        [System.Collections.IDictionary] $Values = @{},
        [string] $Field = ''
    )

    $text = Get-AgentMessage -Id $MessageId -Values $Values
    return New-AgentException -Code $text.Code -Message $text.Message -Field $Field -Remedy $text.Remedy
}

function New-AgentException {
    # Returns an exception that carries a code, a field, a remedy, and the virtual machine that caused it in its Data.
    param(
        [Parameter(Mandatory)] [string] $Code,
        [Parameter(Mandatory)] [string] $Message,
        [string] $Field = '',
        [string] $Remedy = '',
        [string] $VMId = ''
    )

    $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    $exception.Data['code'] = $Code
    $exception.Data['field'] = $Field
    $exception.Data['remedy'] = $Remedy
    $exception.Data['vm_id'] = $VMId
    return $exception
}

function ConvertTo-AgentFailure {
    <#
    .SYNOPSIS
    Converts an error record to the table that an answer or a result contains. Code is the code of errors that have none.
    #>
    param([Parameter(Mandatory)] $ErrorRecord, [string] $Code = 'internal')

    $exception = $ErrorRecord.Exception
    $failure = [ordered]@{ code = $Code; message = $exception.Message.Trim() }
    if ($null -ne $exception.Data -and $exception.Data.Contains('code')) {
        $failure['code'] = [string]$exception.Data['code']
        foreach ($key in 'field', 'remedy', 'vm_id') {
            if ($exception.Data[$key]) { $failure[$key] = [string]$exception.Data[$key] }
        }
    } elseif ($null -ne ($denied = Get-AccessText -ErrorRecord $ErrorRecord)) {
        $failure['code'] = $denied.Code
        $failure['message'] = $denied.Message
        $failure['remedy'] = $denied.Remedy
    } elseif ($exception -is [System.Management.Automation.MethodInvocationException] -and $null -ne $exception.InnerException) {
        $failure['message'] = $exception.InnerException.Message.Trim()
    }
    return $failure
}

function Get-FailureMessage {
    # Returns the message of an error record.
    param([Parameter(Mandatory)] $ErrorRecord)

    return (ConvertTo-AgentFailure -ErrorRecord $ErrorRecord)['message']
}
