using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using LineServer.Linux;
using Microsoft.Extensions.Logging;

namespace LineServer.Logging;

/// <summary>
/// Everything that goes to standard error, and the thread that writes it. Callers never wait for that thread,
/// because the reader of standard error may have stopped reading. Messages that do not fit into the buffer
/// are dropped and counted; the count is written with the next message that can be.
/// </summary>
internal sealed class ErrorOutput
{
    /// <summary>The most bytes buffered: a few thousand lines.</summary>
    public const int Capacity = 1 << 20;

    private readonly StandardStream _stream;
    private readonly LogFormat _format;
    private readonly object _gate = new(); // pulsed when there is something to write, and when all is written
    private ArrayBufferWriter<byte> _waiting = new(4096);
    private ArrayBufferWriter<byte> _writing = new(4096);
    private bool _isWriting;
    private long _dropped;

    public ErrorOutput(StandardStream stream)
    {
        _stream = stream;
        _format = LogFormat.For(stream);
        new Thread(Write) { IsBackground = true, Name = "log" }.Start();
    }

    /// <summary>Writes a log message.</summary>
    public void Log(LogLevel level, string category, EventId eventId, string message, Exception? exception) =>
        Post(_format.Line(DateTime.UtcNow, level, category, eventId, message, exception));

    /// <summary>Writes an error line of a command, for the user who ran it.</summary>
    public void Report(string text) => Post(_format.Report(text));

    /// <summary>Waits until all messages are written, up to a timeout.</summary>
    /// <returns>True if all messages are written.</returns>
    public bool Flush(TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        lock (_gate)
        {
            while (_isWriting || _waiting.WrittenCount > 0)
            {
                TimeSpan rest = timeout - Stopwatch.GetElapsedTime(start);
                if (rest <= TimeSpan.Zero || !Monitor.Wait(_gate, rest))
                {
                    return false;
                }
            }

            return true;
        }
    }

    private void Post(string line)
    {
        lock (_gate)
        {
            if (_waiting.WrittenCount + line.Length > Capacity)
            {
                _dropped++;
                return;
            }

            Encoding.UTF8.GetBytes(line, _waiting);
            Monitor.PulseAll(_gate);
        }
    }

    private void Write()
    {
        while (true)
        {
            ReadOnlyMemory<byte> lines = Take();
            try
            {
                _stream.Write(lines.Span);
            }
            catch (IOException)
            {
                // Standard error is closed or its disk is full. The dropped count is reported when a write
                // succeeds.
                lock (_gate)
                {
                    _dropped += lines.Span.Count((byte)'\n');
                }
            }
        }
    }

    // Waits until there is something to write.
    private ReadOnlyMemory<byte> Take()
    {
        lock (_gate)
        {
            _isWriting = false;
            Monitor.PulseAll(_gate);
            while (_waiting.WrittenCount == 0)
            {
                Monitor.Wait(_gate);
            }

            _isWriting = true;
            (_waiting, _writing) = (_writing, _waiting);
            _waiting.ResetWrittenCount();
            if (_dropped > 0)
            {
                // The count goes after the messages buffered before the drop, and before those that follow.
                string text = string.Create(
                    CultureInfo.InvariantCulture,
                    $"messages dropped: {_dropped} (standard error was not read, or could not be written)");
                var eventId = new EventId(1, "Dropped");
                Encoding.UTF8.GetBytes(
                    _format.Line(DateTime.UtcNow, LogLevel.Warning, "LineServer.Log", eventId, text, null), _writing);
                _dropped = 0;
            }

            return _writing.WrittenMemory;
        }
    }
}
