using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace LineServer.Client;

/// <summary>
/// Sends the input of one connection, as fast as possible or as its gate and its schedule allow.
/// </summary>
internal sealed class LineSender(Connection connection, InputReader input, int bufferSize)
{
    private const byte LineFeed = (byte)'\n';

    /// <summary>
    /// How long a pipe may take to end after the server has closed. <c>printf 'quit\n' | lineclient</c> has
    /// sent everything, but the end of the pipe may arrive slightly after the server's FIN.
    /// </summary>
    private static readonly TimeSpan InputEndGrace = TimeSpan.FromMilliseconds(500);

    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(bufferSize);
    private bool _inputEnded;

    public SendGate? Gate { get; init; }

    public SendSchedule? Schedule { get; init; }

    public SendTimes? Times { get; init; }

    public IExpectedBytes? Expected { get; init; }

    /// <summary>True if the bytes sent so far end within a line.</summary>
    public bool IsInsideLine { get; private set; }

    /// <summary>Sends until the input ends, and then half-closes; or until the connection is over.</summary>
    public async Task RunAsync()
    {
        try
        {
            while (await ReadAsync() is int length and > 0)
            {
                if (!await SendAsync(_buffer.AsMemory(0, length)))
                {
                    return;
                }

                // A send that completes at once does not release the thread. Let other connections run.
                await Task.Yield();
            }

            if (_inputEnded)
            {
                connection.CompleteSending();
            }
        }
        catch (IOException e)
        {
            connection.Fail($"the input cannot be read: {e.Message}");
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The receiver reports the cause: it still gets what the server sent before the connection
            // failed.
        }
    }

    /// <returns>
    /// The number of bytes; 0 at the end of the input, or if the connection was over first.
    /// </returns>
    private async ValueTask<int> ReadAsync()
    {
        int read;
        if (input.MayWait)
        {
            Task<int> reading = input.ReadAsync(_buffer).AsTask();
            if (await Task.WhenAny(reading, connection.Over) != reading && !await EndsSoonAsync(reading))
            {
                return 0;
            }

            read = await reading;
        }
        else
        {
            read = await input.ReadAsync(_buffer);
        }

        _inputEnded = read == 0;
        return read;
    }

    private async Task<bool> EndsSoonAsync(Task input) =>
        connection.Failure is null && await Task.WhenAny(input, Task.Delay(InputEndGrace)) == input;

    /// <returns>False if the connection was over first.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            long allowedLines = await AllowedLinesAsync();
            if (connection.IsOver)
            {
                return false;
            }

            int length = LengthOf(bytes.Span, allowedLines, out long lines);
            ReadOnlyMemory<byte> chunk = bytes[..length];
            bytes = bytes[length..];

            // Record all of this before the send: a reply may arrive before the send returns.
            Expected?.Sending(chunk.Span);
            Times?.Sending(lines, Stopwatch.GetTimestamp());
            Gate?.Sending(lines, length);
            IsInsideLine = chunk.Span[^1] != LineFeed;
            connection.SendBegins(lines);
            await connection.Client.SendAsync(chunk);
            connection.SendEnded(lines, length);
        }

        return true;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<long> AllowedLinesAsync()
    {
        long allowed = long.MaxValue;
        if (Schedule is not null)
        {
            await Schedule.WaitForAsync(connection.BegunLines, connection.OverToken);
        }

        if (Gate is not null)
        {
            allowed = await Gate.WaitAsync();
        }

        // Ask the schedule last: more lines may have become due while the gate was closed.
        return Schedule is null
            ? allowed
            : Math.Min(allowed, Schedule.DueBy(Stopwatch.GetTimestamp()) - connection.BegunLines);
    }

    /// <summary>
    /// The length of the longest prefix with at most <paramref name="maxLines"/> line ends.
    /// </summary>
    private static int LengthOf(ReadOnlySpan<byte> bytes, long maxLines, out long lines)
    {
        if (maxLines >= bytes.Length)
        {
            lines = bytes.Count(LineFeed);
            return bytes.Length;
        }

        int length = 0;
        for (lines = 0; lines < maxLines; lines++)
        {
            int lineFeed = bytes[length..].IndexOf(LineFeed);
            if (lineFeed < 0)
            {
                return bytes.Length;
            }

            length += lineFeed + 1;
        }

        return length;
    }
}
