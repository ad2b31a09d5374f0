namespace LineServer.Configuration;

/// <summary>An error in the configuration.</summary>
/// <param name="Where">
/// The file and line, the environment variable or the option that sets the key; null if nothing sets it.
/// </param>
/// <param name="Key">The key, starting at <c>LineServer:</c>.</param>
/// <param name="Problem">What is wrong, and what would be right.</param>
internal sealed record ConfigurationError(string? Where, string? Key, string Problem)
{
    public override string ToString() => string.Join(": ", new[] { Where, Key, Problem }.Where(part => part is not null));
}
