# Hashes of passwords for Linux guests, so that no password in clear text is on the medium that the guest reads.

# The characters of crypt's form of base64, and of salts.
$script:CryptCharacters = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

# The rounds of SHA-512 crypt that every crypt(3) takes when a hash names none.
$script:CryptRounds = 5000

function New-CryptSalt {
    # Returns a random salt of 16 characters.
    $bytes = [byte[]]::new(16)
    $random = [System.Security.Cryptography.RandomNumberGenerator]::Create()
    try { $random.GetBytes($bytes) } finally { $random.Dispose() }
    $salt = [System.Text.StringBuilder]::new()
    foreach ($byte in $bytes) { $null = $salt.Append($script:CryptCharacters[$byte % 64]) }
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
    $sha = [System.Security.Cryptography.SHA512]::Create()
    $buffer = [System.IO.MemoryStream]::new()
    try {
        foreach ($part in $key, $saltBytes, $key) { $buffer.Write($part, 0, $part.Length) }
        $alternate = $sha.ComputeHash($buffer.ToArray())

        $buffer.SetLength(0)
        foreach ($part in $key, $saltBytes) { $buffer.Write($part, 0, $part.Length) }
        for ($left = $key.Length; $left -gt 0; $left -= 64) { $buffer.Write($alternate, 0, [System.Math]::Min(64, $left)) }
        for ($bits = $key.Length; $bits -gt 0; $bits = $bits -shr 1) {
            if ($bits -band 1) { $buffer.Write($alternate, 0, 64) } else { $buffer.Write($key, 0, $key.Length) }
        }
        $result = $sha.ComputeHash($buffer.ToArray())

        $p = Get-CryptSequence -Sha $sha -Bytes $key -Times $key.Length
        $s = Get-CryptSequence -Sha $sha -Bytes $saltBytes -Times (16 + $result[0])
        for ($round = 0; $round -lt $script:CryptRounds; $round++) {
            $buffer.SetLength(0)
            if ($round -band 1) { $buffer.Write($p, 0, $p.Length) } else { $buffer.Write($result, 0, 64) }
            if ($round % 3) { $buffer.Write($s, 0, $s.Length) }
            if ($round % 7) { $buffer.Write($p, 0, $p.Length) }
            if ($round -band 1) { $buffer.Write($result, 0, 64) } else { $buffer.Write($p, 0, $p.Length) }
            $result = $sha.ComputeHash($buffer.GetBuffer(), 0, [int]$buffer.Length)
        }
    } finally {
        $buffer.Dispose()
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
            $null = $text.Append($script:CryptCharacters[$value -band 63])
            $value = $value -shr 6
        }
    }
    $null = $text.Append($script:CryptCharacters[$Hash[63] -band 63]).Append($script:CryptCharacters[$Hash[63] -shr 6])
    return $text.ToString()
}
