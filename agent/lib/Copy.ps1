# The copy of an image: never over anything that exists, told of as it goes, and stopped when the job is cancelled.

function Copy-AgentImage {
    # Created is run once the new file is there and is this job's.
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
            $writer.SetLength($length) # too little space shows now, not after an hour
            $buffer = New-Object -TypeName byte[] -ArgumentList $piece
            $watch = [System.Diagnostics.Stopwatch]::StartNew()
            $told = [long]0
            $copied = [long]0
            while (($count = $reader.Read($buffer, 0, $buffer.Length)) -gt 0) {
                Assert-JobGoesOn -Context $Context -Job $Job
                $writer.Write($buffer, 0, $count)
                $copied += $count
                if ($copied -lt $length -and $watch.ElapsedMilliseconds - $told -ge 500) {
                    $told = $watch.ElapsedMilliseconds
                    Write-CopyProgress -Context $Context -Job $Job -Copied $copied -Length $length -Elapsed $watch.Elapsed
                }
            }
            $writer.Flush($true)
            if ($copied -ne $length -or $writer.Length -ne $length) {
                throw (New-AgentError -Code 'step_failed' -Message "the image has $length bytes, and $copied were copied to a file of $($writer.Length)")
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
    Write-JobEvent -Context $Context -Job $Job -Kind 'progress' -More ([ordered]@{ percent = $percent; bytes_per_second = [long]$rate }) `
        -Message "$(Format-AgentSize -Bytes $Copied) of $(Format-AgentSize -Bytes $Length), $(Format-AgentSize -Bytes $rate)/s"
}
