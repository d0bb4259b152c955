# Settings of PSScriptAnalyzer for the agent and its stand-in modules. Commands of Windows PowerShell 5.1 and of the Hyper-V module are
# checked by a separate tool (see .ci/run).
#   Invoke-ScriptAnalyzer -Path agent -Recurse -Settings PSScriptAnalyzerSettings.psd1
@{
    Severity     = @('Error', 'Warning', 'Information')
    IncludeRules = @(
        # Correctness.
        'PSAvoidAssignmentToAutomaticVariable'
        'PSAvoidDefaultValueForMandatoryParameter'
        'PSAvoidDefaultValueSwitchParameter'
        'PSAvoidGlobalVars'
        'PSAvoidMultipleTypeAttributes'
        'PSAvoidNullOrEmptyHelpMessageAttribute'
        'PSAvoidOverwritingBuiltInCmdlets'
        'PSAvoidShouldContinueWithoutForce'
        'PSAvoidUsingEmptyCatchBlock'
        'PSMisleadingBacktick'
        'PSPossibleIncorrectComparisonWithNull'
        'PSPossibleIncorrectUsageOfAssignmentOperator'
        'PSPossibleIncorrectUsageOfRedirectionOperator'
        'PSReservedCmdletChar'
        'PSReservedParams'
        'PSUseDeclaredVarsMoreThanAssignments'
        'PSUseLiteralInitializerForHashtable'
        'PSUseProcessBlockForPipelineCommand'
        'PSUseUsingScopeModifierInNewRunspaces'
        # Security.
        'PSAvoidUsingBrokenHashAlgorithms'
        'PSAvoidUsingComputerNameHardcoded'
        'PSAvoidUsingConvertToSecureStringWithPlainText'
        'PSAvoidUsingInvokeExpression'
        'PSAvoidUsingPlainTextForPassword'
        'PSAvoidUsingUsernameAndPasswordParams'
        # Compatibility with Windows PowerShell 5.1.
        'PSAvoidUsingWMICmdlet'
        'PSUseBOMForUnicodeEncodedFile'
        'PSUseCompatibleSyntax'
        # Readability.
        'PSAvoidSemicolonsAsLineTerminators'
        'PSAvoidTrailingWhitespace'
        'PSAvoidUsingCmdletAliases'
        'PSAvoidUsingDoubleQuotesForConstantString'
        'PSAvoidUsingPositionalParameters'
        'PSPlaceCloseBrace'
        'PSPlaceOpenBrace'
        'PSProvideCommentHelp'
        'PSUseApprovedVerbs'
        'PSUseConsistentIndentation'
        'PSUseConsistentWhitespace'
        'PSUseCorrectCasing'
        'PSUseSingularNouns'
    )
    Rules        = @{
        PSUseCompatibleSyntax      = @{
            Enable         = $true
            TargetVersions = @('5.1', '7.4')
        }
        PSPlaceOpenBrace           = @{
            Enable             = $true
            OnSameLine         = $true
            NewLineAfter       = $true
            IgnoreOneLineBlock = $true
        }
        PSPlaceCloseBrace          = @{
            Enable             = $true
            NoEmptyLineBefore  = $true
            IgnoreOneLineBlock = $true
            NewLineAfter       = $false
        }
        PSUseConsistentIndentation = @{
            Enable              = $true
            Kind                = 'space'
            IndentationSize     = 4
            PipelineIndentation = 'IncreaseIndentationForFirstPipeline'
        }
        PSUseConsistentWhitespace  = @{
            Enable          = $true
            CheckInnerBrace = $true
            CheckOpenBrace  = $true
            CheckOpenParen  = $true
            # Assignments in hashtables are aligned.
            CheckOperator   = $false
            CheckPipe       = $true
            CheckSeparator  = $true
        }
        PSProvideCommentHelp       = @{
            Enable       = $true
            ExportedOnly = $true
            Placement    = 'begin'
            BlockComment = $true
        }
        PSUseCorrectCasing         = @{
            Enable = $true
        }
    }
}
