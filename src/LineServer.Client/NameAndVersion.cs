using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;

namespace LineServer.Client;

/// <summary>
/// <c>--version</c>: prints the program's name, its version, and the commit that it was built from.
/// </summary>
internal sealed class NameAndVersion : SynchronousCommandLineAction
{
    /// <summary>True, because <c>--version</c> needs no ADDRESS.</summary>
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        string version = typeof(NameAndVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
        parseResult.InvocationConfiguration.Output.WriteLine($"lineclient {version}");
        return ExitStatus.Success;
    }
}
