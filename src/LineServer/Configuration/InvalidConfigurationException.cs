namespace LineServer.Configuration;

/// <summary>The configuration is not usable. Lists all errors.</summary>
internal sealed class InvalidConfigurationException(IReadOnlyList<ConfigurationError> errors)
    : Exception(string.Join(Environment.NewLine, errors))
{
    public IReadOnlyList<ConfigurationError> Errors { get; } = errors;
}
