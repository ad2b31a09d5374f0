using Microsoft.Extensions.Logging;

namespace LineServer.Logging;

/// <summary>
/// Loggers that write to <see cref="ErrorOutput"/>. They never wait and never throw, because event loops log
/// through them.
/// </summary>
/// <remarks>
/// Has .NET's alias for its own console logger, so that <c>Logging:Console:LogLevel</c> applies.
/// </remarks>
[ProviderAlias("Console")]
internal sealed class ErrorOutputLogger(ErrorOutput output) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new Logger(output, categoryName);

    public void Dispose()
    {
        // The process owns the output.
    }

    private sealed class Logger(ErrorOutput output, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            try
            {
                output.Log(logLevel, category, eventId, formatter(state, exception), exception);
            }
#pragma warning disable CA1031 // Logging must not throw, but an argument's ToString may.
            catch (Exception e)
#pragma warning restore CA1031
            {
                string text = $"a message that could not be formatted ({e.GetType().Name})";
                output.Log(logLevel, category, eventId, text, exception: null);
            }
        }
    }
}
