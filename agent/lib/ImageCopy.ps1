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

    $piece = 1MB
    $reader = [System.IO.File]::Open($Source, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, [System.IO.FileShare]::Read)
    try {
        $length = $reader.Length
        $writer = [System.IO.File]::Open($Target, [System.IO.FileMode]::CreateNew, [System.IO.FileAccess]::Write, [System.IO.FileShare]::None)
        try {
            & $Created
            $writer.SetLength($length) # fails at once when there is not enough space
            $buffer = New-Object -TypeName byte[] -ArgumentList $piece
            $watch = [System.Diagnostics.Stopwatch]::StartNew()
            $reported = [long]0
            $copied = [long]0
            while (($count = $reader.Read($buffer, 0, $buffer.Length)) -gt 0) {
                Assert-JobNotCancelled -Context $Context -Job $Job
                $writer.Write($buffer, 0, $count)
                $copied += $count
                if ($copied -lt $length -and $watch.ElapsedMilliseconds - $reported -ge 500) {
                    $reported = $watch.ElapsedMilliseconds
                    Write-CopyProgress -Context $Context -Job $Job -Copied $copied -Length $length -Elapsed $watch.Elapsed
                }
            }
            $writer.Flush($true)
            if ($copied -ne $length -or $writer.Length -ne $length) {
                throw (New-AgentError -MessageId 'copy_incomplete' -Values @{ length = $length; copied = $copied; written = $writer.Length })
            }
            Write-CopyProgress -Context $Context -Job $Job -Copied $copied -Length $length -Elapsed $watch.Elapsed
        } finally {
            $writer.Dispose()
        }
    } finally {
        $reader.Dispose()
    }
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
