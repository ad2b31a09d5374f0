using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests.Support;

/// <summary>Keeps the log messages, or throws if the test says so.</summary>
internal sealed class ListLogger : ILoggerFactory, ILogger
{
    public ConcurrentQueue<(LogLevel Level, string Text)> Messages { get; } = new();

    /// <summary>While set, every call throws it.</summary>
    public Exception? Failure { get; set; }

    public IEnumerable<string> At(LogLevel level) => Messages.Where(message => message.Level == level).Select(message => message.Text);

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        ThrowIfBroken();
        Messages.Enqueue((logLevel, formatter(state, exception)));
    }

    public bool IsEnabled(LogLevel logLevel)
    {
        ThrowIfBroken();
        return true;
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose()
    {
    }

    private void ThrowIfBroken()
    {
        if (Failure is not null)
        {
            throw Failure;
        }
    }
}
