# Copying an image, with progress events and cancellation. An existing file is never overwritten.

function Copy-ImageFile {
    # Copies an image. Created runs once the new file exists and belongs to this job.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [string] $Source,
        [Parameter(Mandatory)] [string] $Target,
        [Parameter(Mandatory)] [scriptblock] $Created
    )

    $reader = [System.IO.File]::Open($Source, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, [System.IO.FileShare]::Read)
    try {
        $length = $reader.Length
        $writer = [System.IO.File]::Open($Target, [System.IO.FileMode]::CreateNew, [System.IO.FileAccess]::Write, [System.IO.FileShare]::None)
        try {
            & $Created
            $writer.SetLength($length) # fails at once when there is not enough space
            $copied = Copy-JobStream -Context $Context -Job $Job -Reader $reader -Writer $writer -Length $length
            if ($copied -ne $length -or $writer.Length -ne $length) {
                throw (New-AgentError -MessageId 'copy_incomplete' -Values @{ length = $length; copied = $copied; written = $writer.Length })
            }
        } finally {
            $writer.Dispose()
        }
    } finally {
        $reader.Dispose()
    }
}

function Copy-JobStream {
    <#
    .SYNOPSIS
    Copies the rest of Reader to Writer, from the position of Writer on, and returns the position at the end.
    .DESCRIPTION
    Length is the length of Writer at the end; 0 or less when it is not known, and no progress is reported. Hash receives what is copied.
    #>
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [System.IO.Stream] $Reader,
        [Parameter(Mandatory)] [System.IO.Stream] $Writer,
        [long] $Length = 0,
        [AllowNull()] $Hash = $null,
        [System.Diagnostics.Stopwatch] $Watch = [System.Diagnostics.Stopwatch]::StartNew()
    )

    $buffer = New-Object -TypeName byte[] -ArgumentList 1MB
    $reported = $Watch.ElapsedMilliseconds
    $copied = $Writer.Position
    do {
        # A connection returns less than the buffer holds.
        $count = 0
        while ($count -lt $buffer.Length -and ($read = $Reader.Read($buffer, $count, $buffer.Length - $count)) -gt 0) { $count += $read }
        Assert-JobNotCancelled -Context $Context -Job $Job
        $Writer.Write($buffer, 0, $count)
        if ($null -ne $Hash) { $null = $Hash.TransformBlock($buffer, 0, $count, $null, 0) }
        $copied += $count
        if ($copied -lt $Length -and $Watch.ElapsedMilliseconds - $reported -ge 500) {
            $reported = $Watch.ElapsedMilliseconds
            Write-CopyProgress -Context $Context -Job $Job -Copied $copied -Length $Length -Elapsed $Watch.Elapsed
        }
    } while ($count -eq $buffer.Length)
    $Writer.Flush($true)
    if ($copied -eq $Length) { Write-CopyProgress -Context $Context -Job $Job -Copied $copied -Length $Length -Elapsed $Watch.Elapsed }
    return $copied
}

function Write-CopyProgress {
    # Writes a progress event of a copy.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [long] $Copied,
        [Parameter(Mandatory)] [long] $Length,
        [Parameter(Mandatory)] [timespan] $Elapsed
    )

    $percent = 100
    if ($Copied -lt $Length) { $percent = [int][System.Math]::Floor($Copied * 100 / $Length) }
    $rate = $Copied / [System.Math]::Max($Elapsed.TotalSeconds, 0.001)
    Write-JobEvent -Context $Context -Job $Job -Kind 'progress' -Detail ([ordered]@{ percent = $percent; bytes_per_second = [long]$rate }) `
        -MessageId 'copy_progress' -Values @{
        copied = (Format-AgentSize -Bytes $Copied); total = (Format-AgentSize -Bytes $Length); rate = (Format-AgentSize -Bytes $rate)
    }
}
