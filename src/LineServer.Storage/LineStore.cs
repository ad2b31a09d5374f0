using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using LineServer.Framing;
using LineServer.Linux;
using LineServer.Storage.Internal;
using LineServer.Storage.Internal.Commit;
using LineServer.Storage.Internal.Files;
using LineServer.Storage.Internal.Segments;

namespace LineServer.Storage;

/// <summary>
/// A store in a directory: lines are acknowledged when they are durable, and none is lost or stored twice.
/// </summary>
/// <remarks>
/// Two threads run it. The committer gathers what all connections have sent, writes it to the log in one piece, and syncs
/// once. The applier copies it to the streams' own files, and writes checkpoints. After a failed write or sync the store
/// fails as a whole, and is recovered after a pause.
/// </remarks>
[SuppressMessage("Design", "CA1031", Justification = "Whatever goes wrong in a thread of the store fails the store, and not the process.")]
public sealed class LineStore : ILineStore, IAsyncDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    /// <summary>The shortest time between two failures to recover that are told.</summary>
    private static readonly TimeSpan TellInterval = TimeSpan.FromSeconds(30);

    private readonly IStoreFiles _files;
    private readonly StoreOptions _options;
    private readonly IDisposable? _lock;
    private readonly AutoResetEvent _commitSignal = new(initialState: false);
    private readonly AutoResetEvent _applySignal = new(initialState: false);
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TimeProvider _time;
    private readonly Followers _followers = new();
    private readonly Keeper _keeper;
    private readonly StoreMetrics _metrics;
    private readonly CancellationTokenSource _keeping = new();
    private readonly Task _kept;
    private StoreCore _core;
    private Exception? _failure;
    private int _state;
    private volatile bool _isStopping;
    private volatile bool _isCommitted; // everything that was taken, because the store stops

    internal LineStore(IStoreFiles files, StoreOptions options, TimeProvider time, IDisposable? heldLock)
    {
        ThrowIfNoTimeout(options.CheckpointInterval, nameof(options.CheckpointInterval));
        ThrowIfNoTimeout(options.RecoveryPause, nameof(options.RecoveryPause));
        ThrowIfNoTimeout(options.KeepInterval - TimeSpan.FromMilliseconds(1), nameof(options.KeepInterval));
        _files = files;
        _options = options;
        _time = time;
        _lock = heldLock;
        var recovery = new Recovery(files, options);
        _core = recovery.Open();
        RecoveredLines = recovery.RecoveredLines;
        Id = _core.Id;
        _metrics = new StoreMetrics(
            options.Meters, options.Name, () => Volatile.Read(ref _core).Unapplied, () => Volatile.Read(ref _core).Uncommitted);
        Attach(_core);
        _keeper = new Keeper(files, options, time);
        new Thread(Commit) { IsBackground = true, Name = "store-commit" }.Start();
        _kept = _keeper.IsNeeded ? Task.Run(KeepAsync) : Task.CompletedTask;
    }

    /// <summary>
    /// Called when a write or a sync has failed, and when recovering fails: for the first time, and then at most every 30 s.
    /// Must not throw.
    /// </summary>
    public Action<Exception>? Failed { get; set; }

    /// <summary>Called when sealed segments cannot be removed or compressed. It is tried again. Must not throw.</summary>
    public Action<Exception>? KeepingFailed { get; set; }

    /// <summary>Called when the store takes lines again.</summary>
    public Action? Recovered { get; set; }

    /// <inheritdoc/>
    public string Id { get; }

    /// <inheritdoc/>
    public Durability Durability => _options.Durability;

    /// <summary>Lines that were in the log, and in no checkpoint, when the store was opened.</summary>
    public long RecoveredLines { get; }

    /// <summary>Whether it takes lines.</summary>
    public StoreState State => (StoreState)Volatile.Read(ref _state);

    /// <summary>Opens the store in a directory, or makes a new one there.</summary>
    /// <param name="directory">Its path. Created if it is missing.</param>
    /// <param name="options">How lines are kept.</param>
    /// <param name="time">The clock of pauses; the system's if null.</param>
    /// <exception cref="ArgumentOutOfRangeException">A time is negative, or longer than 24 days.</exception>
    /// <exception cref="StoreException">It is in use by another process, damaged, or of another version.</exception>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not Linux.</exception>
    public static LineStore Open(string directory, StoreOptions options, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(directory);
        ArgumentNullException.ThrowIfNull(options);
        if (!OperatingSystem.IsLinux())
        {
            throw new PlatformNotSupportedException("A store needs Linux.");
        }

        var files = new LinuxStoreFiles(Path.GetFullPath(directory));
        files.CreateRoot();
        StoreLock held = StoreLock.Take(files.Root);
        try
        {
            return new LineStore(files, options, time ?? TimeProvider.System, held);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<StreamAttachment> AttachAsync(string stream, IAttachmentOwner owner) => AttachAsync(stream, owner, isShared: false);

    /// <inheritdoc/>
    public ValueTask<StreamAttachment> ShareAsync(string stream, IAttachmentOwner owner) => AttachAsync(stream, owner, isShared: true);

    /// <summary>Reads a stream from a line on.</summary>
    /// <param name="stream">See <see cref="StreamName"/>.</param>
    /// <param name="from">The number of the first line to read; from 1.</param>
    public StreamCursor OpenCursor(string stream, long from)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(from, 1);
        return new StreamCursor(_files, stream, from);
    }

    ILineCursor ILineStore.OpenCursor(string stream, long from) => new StoredLineCursor(OpenCursor(stream, from));

    /// <summary>True if lines of the stream are kept.</summary>
    public bool HasLines(string stream) => Segment.List(_files, stream).Count > 0;

    ValueTask<bool> ILineStore.HasLinesAsync(string stream, CancellationToken cancellationToken) => new(HasLines(stream));

    /// <inheritdoc/>
    public Task WhenReadableAsync(string stream) => _followers.NextAsync(stream);

    /// <summary>
    /// Commits and applies everything that was taken, writes a checkpoint, and closes all files.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        await _keeping.CancelAsync();
        await _kept;
        _isStopping = true;
        _commitSignal.Set();
        await _stopped.Task;
    }

    /// <summary>Waits until a checkpoint covers what was applied before this call.</summary>
    internal Task CheckpointAsync() => Volatile.Read(ref _core).KeepFromAsync(string.Empty, 0);

    /// <summary>Removes and compresses sealed segments, once.</summary>
    internal async Task KeepOnceAsync()
    {
        StoreCore core = Volatile.Read(ref _core);
        foreach ((string stream, long firstKept) in _keeper.FindWhatGoes())
        {
            await core.KeepFromAsync(stream, firstKept);
            _keeper.Remove(stream, firstKept);
        }

        _keeper.Compress(_keeping.Token);
    }

    /// <summary>
    /// The pause after a recovery that has failed. A full disk should be noticed soon when it has room again, and reading
    /// a log that is full takes a while: recovering takes a fifth of the time.
    /// </summary>
    internal static TimeSpan PauseAfter(TimeSpan attempt, TimeSpan shortest)
    {
        TimeSpan pause = attempt * 4 < LongestPause ? attempt * 4 : LongestPause;
        return pause > shortest ? pause : shortest;
    }

    // A wait for anything else would throw, in a thread of the store.
    private static void ThrowIfNoTimeout(TimeSpan time, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(time.TotalMilliseconds, int.MaxValue, name);
    }

    private ValueTask<StreamAttachment> AttachAsync(string stream, IAttachmentOwner owner, bool isShared)
    {
        ArgumentNullException.ThrowIfNull(owner);
        if (!StreamName.IsValid(stream))
        {
            throw new ArgumentException("This is no name for a stream.", nameof(stream));
        }

        return new ValueTask<StreamAttachment>(Volatile.Read(ref _core).AttachAsync(stream, isShared, owner));
    }

    /// <summary>Keeps sealed segments in order until the store stops.</summary>
    private async Task KeepAsync()
    {
        using var timer = new PeriodicTimer(_options.KeepInterval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_keeping.Token))
            {
                try
                {
                    await KeepOnceAsync();
                }
                catch (OperationCanceledException) when (!_keeping.IsCancellationRequested)
                {
                    // The store has failed while a removal waited for its checkpoint. It is asked for again.
                }
                catch (Exception e)
                {
                    Tell(() => KeepingFailed?.Invoke(e));
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The store stops.
        }
    }

    private void Attach(StoreCore core)
    {
        core.WakeCommitter = () => _commitSignal.Set();
        core.WakeApplier = () => _applySignal.Set();
        core.Applied = _followers.Tell;
        core.Metrics = _metrics;
    }

    private void Commit()
    {
        while (true)
        {
            StoreCore core = _core;
            Exception? applierFailed = null;
            var applier = new Thread(() => applierFailed = Apply(core)) { IsBackground = true, Name = "store-apply" };
            Exception? failed = CommitUntilEnd(core, applier);
            if (failed is null)
            {
                // Ended in order: the applier has seen it too.
                applier.Join();
                failed = applierFailed;
            }

            if (failed is null)
            {
                break;
            }

            Fail(core, failed);
            if (applier.IsAlive)
            {
                applier.Join();
            }

            core.Dispose();
            if (!TryRecover())
            {
                break;
            }
        }

        _core.Dispose();
        _lock?.Dispose();
        _metrics.Dispose();
        Volatile.Write(ref _state, (int)StoreState.Stopped);
        _stopped.TrySetResult();
    }

    /// <summary>Commits until the store stops. Returns what has failed, in either thread.</summary>
    private Exception? CommitUntilEnd(StoreCore core, Thread applier)
    {
        try
        {
            applier.Start();
            while (Volatile.Read(ref _failure) is null)
            {
                bool isLast = _isStopping;
                if (isLast)
                {
                    core.Close();
                }

                CommitOutcome outcome = core.CommitNext();
                if (outcome == CommitOutcome.Committed)
                {
                    continue;
                }

                if (outcome == CommitOutcome.Idle && isLast)
                {
                    core.End(AttachmentEnd.StoreStopped);
                    _isCommitted = true;
                    _applySignal.Set();
                    return null;
                }

                _commitSignal.WaitOne();
            }

            return _failure;
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _failure, e, null);
            _applySignal.Set();
            return _failure;
        }
    }

    /// <summary>Applies until the store stops or has failed.</summary>
    private Exception? Apply(StoreCore core)
    {
        try
        {
            long checkpointed = _time.GetTimestamp();
            while (Volatile.Read(ref _failure) is null)
            {
                bool isLast = _isCommitted;
                bool applied = core.ApplyNext();
                bool isDue = core.IsCheckpointDue
                    || (core.HasUncheckpointed && (isLast || _time.GetElapsedTime(checkpointed) >= _options.CheckpointInterval));
                if (isDue && !(isLast && applied))
                {
                    core.WriteCheckpoint();
                    checkpointed = _time.GetTimestamp();
                }

                if (applied)
                {
                    continue;
                }

                if (isLast)
                {
                    return null;
                }

                if (!_applySignal.WaitOne(_options.CheckpointInterval))
                {
                    core.Trim();
                }

                if (_options.ApplyDelay > TimeSpan.Zero && core.BeginsToLinger())
                {
                    _applySignal.WaitOne(_options.ApplyDelay);
                }
            }

            return _failure;
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _failure, e, null);
            _commitSignal.Set();
            return e;
        }
    }

    private void Fail(StoreCore core, Exception failure)
    {
        Volatile.Write(ref _state, (int)StoreState.Failed);
        core.End(AttachmentEnd.StoreFailed);
        _metrics.Failed();
        Tell(() => Failed?.Invoke(failure));
    }

    /// <summary>Whoever listens cannot end the thread, and the process with it.</summary>
    private static void Tell(Action callback)
    {
        try
        {
            callback();
        }
        catch (Exception e)
        {
            Trace.TraceError($"a callback of the store has thrown: {e}");
        }
    }

    /// <summary>Recovers the store, again and again. Returns false if it stops meanwhile.</summary>
    private bool TryRecover()
    {
        // What woke the committer before is no reason to hurry. A stop is seen below.
        _commitSignal.Reset();
        TimeSpan pause = _options.RecoveryPause;
        long? told = null;
        while (!_isStopping)
        {
            // Set by whoever stops the store, and by nothing else: no core is alive.
            _commitSignal.WaitOne(pause);
            if (_isStopping)
            {
                break;
            }

            long start = _time.GetTimestamp();
            try
            {
                StoreCore core = new Recovery(_files, _options).Open(renewsLog: true);
                Attach(core);
                Volatile.Write(ref _failure, null);
                Volatile.Write(ref _core, core);
                Volatile.Write(ref _state, (int)StoreState.Open);
                Tell(() => Recovered?.Invoke());
                return true;
            }
            catch (Exception e)
            {
                _metrics.Failed();
                pause = PauseAfter(_time.GetElapsedTime(start), _options.RecoveryPause);
                if (told is not { } last || _time.GetElapsedTime(last) >= TellInterval)
                {
                    told = _time.GetTimestamp();
                    Tell(() => Failed?.Invoke(e));
                }
            }
        }

        return false;
    }
}
