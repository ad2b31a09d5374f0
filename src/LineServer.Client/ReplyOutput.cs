using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LineServer.Client;

/// <summary>Standard output, shared by all connections; and what went wrong with it.</summary>
internal sealed class ReplyOutput(Action onFailure) : IDisposable
{
    private readonly SafeHandle _handle = new SafeFileHandle(1, ownsHandle: false);
    private readonly SemaphoreSlim _turn = new(1);
    private string? _failure;

    /// <summary>Why nothing more can be written; null while it can.</summary>
    public string? Failure => Volatile.Read(ref _failure);

    /// <summary>Waits for the turn to write; without blocking a thread, for a reader of ours may be slow.</summary>
    public Task BeginTurnAsync() => _turn.WaitAsync();

    public void EndTurn() => _turn.Release();

    /// <summary>Writes all, in its turn. Returns false when that is not possible any more.</summary>
    public bool Write(ReadOnlySpan<byte> bytes)
    {
        if (Failure is not null)
        {
            return false;
        }

        try
        {
            Posix.Write(_handle, bytes);
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

    public void Dispose() => _turn.Dispose();
}
