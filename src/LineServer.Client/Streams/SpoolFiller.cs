namespace LineServer.Client.Streams;

/// <summary>
/// Reads standard input, or another pipe, into the spool, whether a server is there or not. Stops reading while the spool
/// is full, so that the writer of the pipe waits.
/// </summary>
internal sealed class SpoolFiller(InputFile input, Spool spool, bool terminate, long limit, Action<string> tell)
{
    private const int ReadSize = 64 * 1024;

    /// <summary>The most bytes that wait for one sync. The writer of the pipe waits meanwhile, so fewer syncs are faster.</summary>
    private const int SyncSize = 4 * 1024 * 1024;

    private bool _fullWasTold;

    /// <summary>Reads to the end of the input. What goes wrong is told, and ends the spool.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await FillAsync(cancellationToken);
            if (!spool.End(terminate))
            {
                tell($"{input.Name}: the last line has no LF; it was not sent (--terminate adds it)");
                spool.Fail();
            }
        }
        catch (OperationCanceledException)
        {
            // The run is over. What was taken is in the spool.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or StreamProblemException)
        {
            tell(e is StreamProblemException ? e.Message : $"{input.Name} cannot be taken into the spool: {e.Message}");
            spool.Fail();
        }
    }

    private async Task FillAsync(CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[ReadSize];
        int unsynced = 0;
        while (await WaitForRoomAsync(cancellationToken) && await ReadAsync(buffer, cancellationToken) is int read and > 0)
        {
            spool.Append(buffer.AsSpan(0, read));
            unsynced += read;
            if (unsynced >= SyncSize || !input.IsReadable)
            {
                spool.Sync();
                unsynced = 0;
            }
        }

        spool.Sync();
    }

    private async Task<bool> WaitForRoomAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            ValueTask<bool> room = spool.WaitForRoomAsync(ReadSize, cancellationToken);
            if (!room.IsCompleted)
            {
                // What waits for a sync must be sent, or there would never be room.
                spool.Sync();
                TellFull();
            }

            if (await room)
            {
                return true;
            }
        }
    }

    private void TellFull()
    {
        if (!_fullWasTold)
        {
            _fullWasTold = true;
            tell($"the spool is full ({limit} bytes): {input.Name} is not read until the server has acknowledged more");
        }
    }

    // A blocked read cannot be cancelled; the process ends under it.
    private Task<int> ReadAsync(byte[] buffer, CancellationToken cancellationToken) =>
        input.ReadNextAsync(buffer).AsTask().WaitAsync(cancellationToken);
}
