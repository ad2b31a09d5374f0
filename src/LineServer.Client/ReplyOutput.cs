using LineServer.Linux;

namespace LineServer.Client;

/// <summary>
/// Standard output, which all connections share, and its first error. Replies are written unchanged, except
/// on a terminal, where they are escaped: see <see cref="TerminalText"/>.
/// </summary>
internal sealed class ReplyOutput(Action onFailure) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private readonly TerminalText? _terminal = StandardStream.Output.IsTerminal ? new() : null;
    private string? _failure;

    /// <summary>Why nothing more can be written; null while writing works.</summary>
    public string? Failure => Volatile.Read(ref _failure);

    /// <summary>
    /// Waits for the turn to write. Does not block a thread, because the reader of our output may be slow.
    /// </summary>
    public Task BeginTurnAsync() => _turn.WaitAsync();

    public void EndTurn() => _turn.Release();

    /// <summary>
    /// Writes all bytes. The caller must have the turn, or be the only connection. Returns false once
    /// standard output has failed.
    /// </summary>
    public bool Write(ReadOnlySpan<byte> bytes) => WriteRaw(_terminal is null ? bytes : _terminal.Of(bytes));

    /// <summary>
    /// Writes bytes held back for an incomplete UTF-8 sequence or CR LF. Called once, after the last write.
    /// </summary>
    public void End()
    {
        if (_terminal is not null)
        {
            _ = WriteRaw(_terminal.End());
        }
    }

    public void Dispose() => _turn.Dispose();

    private bool WriteRaw(ReadOnlySpan<byte> bytes)
    {
        if (Failure is not null)
        {
            return false;
        }

        try
        {
            StandardStream.Output.Write(bytes);
            return true;
        }
        catch (IOException e)
        {
            if (Interlocked.CompareExchange(ref _failure, $"cannot write replies to standard output: {e.Message}", null) is null)
            {
                onFailure();
            }

            return false;
        }
    }
}
