# Hashes of passwords for Linux guests, so that no password in clear text is on the medium that the guest reads.

# The characters of crypt's form of base64, and of salts.
$script:AgentCryptCharacters = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

# The rounds of SHA-512 crypt that every crypt(3) takes when a hash names none.
$script:AgentCryptRounds = 5000

function New-CryptSalt {
    # Returns a random salt of 16 characters.
    $salt = [System.Text.StringBuilder]::new()
    foreach ($byte in (Get-RandomByte -Count 16)) { $null = $salt.Append($script:AgentCryptCharacters[$byte % 64]) }
    return $salt.ToString()
}

function Get-CryptHash {
    <#
    .SYNOPSIS
    Returns the SHA-512 crypt hash of a password: $6$salt$hash, which crypt(3) and cloud-init's hashed_passwd take.
    .DESCRIPTION
    The algorithm: https://www.akkadia.org/drepper/SHA-crypt.txt. The password goes through no cmdlet and no pipeline.
    .PARAMETER Salt
    1 to 16 characters of a-z, A-Z, 0-9, . and /.
    #>
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Password, [Parameter(Mandatory)] [string] $Salt)

    $key = [System.Text.Encoding]::UTF8.GetBytes($Password)
    $saltBytes = [System.Text.Encoding]::ASCII.GetBytes($Salt)
    $sha = New-Sha512Hash
    $buffer = [System.Collections.Generic.List[byte]]::new()
    try {
        foreach ($part in $key, $saltBytes, $key) { $buffer.AddRange($part) }
        $alternate = $sha.ComputeHash($buffer.ToArray())

        $buffer.Clear()
        foreach ($part in $key, $saltBytes) { $buffer.AddRange($part) }
        for ($left = $key.Length; $left -gt 0; $left -= 64) { $buffer.AddRange([byte[]]$alternate[0..([System.Math]::Min(64, $left) - 1)]) }
        for ($bits = $key.Length; $bits -gt 0; $bits = $bits -shr 1) {
            if ($bits -band 1) { $buffer.AddRange($alternate) } else { $buffer.AddRange($key) }
        }
        $result = $sha.ComputeHash($buffer.ToArray())

        $p = Get-CryptSequence -Sha $sha -Bytes $key -Times $key.Length
        $s = Get-CryptSequence -Sha $sha -Bytes $saltBytes -Times (16 + $result[0])
        for ($round = 0; $round -lt $script:AgentCryptRounds; $round++) {
            $buffer.Clear()
            if ($round -band 1) { $buffer.AddRange($p) } else { $buffer.AddRange($result) }
            if ($round % 3) { $buffer.AddRange($s) }
            if ($round % 7) { $buffer.AddRange($p) }
            if ($round -band 1) { $buffer.AddRange($result) } else { $buffer.AddRange($p) }
            $result = $sha.ComputeHash($buffer.ToArray())
        }
    } finally {
        $sha.Dispose()
    }
    return '$6$' + $Salt + '$' + (ConvertTo-CryptText -Hash $result)
}

function Get-CryptSequence {
    # Returns as many bytes as there are in Bytes: the hash of Bytes, written Times times, repeated.
    param([Parameter(Mandatory)] $Sha, [Parameter(Mandatory)] [AllowEmptyCollection()] [byte[]] $Bytes, [Parameter(Mandatory)] [int] $Times)

    $all = [byte[]]::new($Bytes.Length * $Times)
    for ($i = 0; $i -lt $Times; $i++) { [System.Array]::Copy($Bytes, 0, $all, $i * $Bytes.Length, $Bytes.Length) }
    $hash = $Sha.ComputeHash($all)
    $sequence = [byte[]]::new($Bytes.Length)
    for ($i = 0; $i -lt $sequence.Length; $i++) { $sequence[$i] = $hash[$i % 64] }
    return , $sequence
}

function ConvertTo-CryptText {
    # Returns the 86 characters of a hash of 64 bytes. Each group takes one byte of each third of the hash, whose order rotates.
    param([Parameter(Mandatory)] [byte[]] $Hash)

    $text = [System.Text.StringBuilder]::new(86)
    for ($i = 0; $i -lt 21; $i++) {
        $group = switch ($i % 3) {
            0 { , @($Hash[$i], $Hash[$i + 21], $Hash[$i + 42]) }
            1 { , @($Hash[$i + 21], $Hash[$i + 42], $Hash[$i]) }
            2 { , @($Hash[$i + 42], $Hash[$i], $Hash[$i + 21]) }
        }
        $value = ([int]$group[0] -shl 16) -bor ([int]$group[1] -shl 8) -bor $group[2]
        for ($j = 0; $j -lt 4; $j++) {
            $null = $text.Append($script:AgentCryptCharacters[$value -band 63])
            $value = $value -shr 6
        }
    }
    $null = $text.Append($script:AgentCryptCharacters[$Hash[63] -band 63]).Append($script:AgentCryptCharacters[$Hash[63] -shr 6])
    return $text.ToString()
}
