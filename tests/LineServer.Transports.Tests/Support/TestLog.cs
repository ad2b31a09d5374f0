using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Tests.Support;

/// <summary>A log that keeps what it is told, then does to its caller what the test wants.</summary>
internal sealed class TestLog(Action? then = null) : ILoggerFactory, ILogger
{
    public ConcurrentQueue<string> Messages { get; } = new();

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        Messages.Enqueue(formatter(state, exception));
        then?.Invoke();
    }

    public void Dispose()
    {
        // Nothing is held.
    }
}
