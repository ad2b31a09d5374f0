using Microsoft.Extensions.Logging;

namespace LineServer.Logging;

/// <summary>Loggers that write to <see cref="ErrorOutput"/>. They never wait and never throw: code on an event loop logs.</summary>
/// <remarks>Named as .NET's own, so that <c>Logging:Console:LogLevel</c> is for it.</remarks>
[ProviderAlias("Console")]
internal sealed class ErrorOutputLogger(ErrorOutput output) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new Logger(output, categoryName);

    public void Dispose()
    {
        // The output is the process's.
    }

    private sealed class Logger(ErrorOutput output, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            try
            {
                output.Log(logLevel, category, eventId, formatter(state, exception), exception);
            }
#pragma warning disable CA1031 // What reports a failure cannot fail: an argument's ToString may throw anything.
            catch (Exception e)
#pragma warning restore CA1031
            {
                output.Log(logLevel, category, eventId, $"a message that could not be formatted ({e.GetType().Name})", exception: null);
            }
        }
    }
}
