namespace LineServer.Configuration;

/// <summary>One thing that is wrong with the configuration.</summary>
/// <param name="Where">The file and line, the environment variable, or the option that says it; null if nobody said anything.</param>
/// <param name="Key">The key, from <c>LineServer:</c> on.</param>
/// <param name="Problem">What is wrong, with what would be right.</param>
internal sealed record ConfigurationError(string? Where, string? Key, string Problem)
{
    public override string ToString() => string.Join(": ", new[] { Where, Key, Problem }.Where(part => part is not null));
}
