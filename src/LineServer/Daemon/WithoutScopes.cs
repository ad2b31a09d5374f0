using Microsoft.Extensions.Logging;

namespace LineServer.Daemon;

/// <summary>
/// Loggers for Kestrel without scopes. It opens one for each connection, which lives in the connection's execution context: 200 bytes for an idle
/// connection, and a switch of contexts for each read. Nothing prints them.
/// </summary>
internal sealed class WithoutScopes(ILoggerFactory factory) : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName) => new Logger(factory.CreateLogger(categoryName));

    public void AddProvider(ILoggerProvider provider) => factory.AddProvider(provider);

    public void Dispose()
    {
        // The factory is the host's.
    }

    private sealed class Logger(ILogger logger) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logger.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            logger.Log(logLevel, eventId, state, exception, formatter);
    }
}
