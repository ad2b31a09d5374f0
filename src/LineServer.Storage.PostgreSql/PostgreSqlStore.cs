using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using LineServer.Framing;
using LineServer.Storage.PostgreSql.Internal;
using Npgsql;
using NpgsqlTypes;

namespace LineServer.Storage.PostgreSql;

/// <summary>
/// Acknowledged lines in PostgreSQL. Several servers may have the same streams: the newest attachment wins, wherever it is.
/// </summary>
/// <remarks>
/// Lines that gather while a commit is under way are the next one. A commit whose outcome is not known is resolved by
/// attaching again: see <see cref="EngineCore"/>. While the database cannot be reached, or does not keep what is promised,
/// nothing is acknowledged; senders are told to try again when that has lasted.
/// </remarks>
public sealed class PostgreSqlStore : ILineStore, IAsyncDisposable
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LastCommits = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan TellInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan MaintainInterval = TimeSpan.FromHours(1);

    private readonly PostgreSqlStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly PostgreSqlEngine _engine;
    private readonly EngineCore _core;
    private readonly NpgsqlDataSource _readers;
    private readonly EngineFollowers _followers;
    private readonly CancellationTokenSource _stop = new();
    private readonly Signal _append = new();
    private readonly Signal _attach = new();
    private readonly Signal _reattach = new();
    private readonly List<Task> _running = [];
    private readonly Lock _lock = new();
    private string? _problem; // why lines are not kept now
    private long? _told;
    private long? _maintained; // the partitions
    private bool _isTold; // that it does not keep lines
    private string? _id;

    /// <summary>Creates a store. It connects when it is used, and again after each failure.</summary>
    /// <param name="connectionString">
    /// Npgsql's, of one host or of several, of which the primary is found. Pooling, the target and timeouts are the store's.
    /// </param>
    /// <param name="options">How lines are kept.</param>
    /// <param name="time">The clock of pauses; the system's if null.</param>
    /// <exception cref="ArgumentException">The connection string, or the name of the schema, is none.</exception>
    public PostgreSqlStore(string connectionString, PostgreSqlStoreOptions options, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_options, _time) = (options, time ?? TimeProvider.System);
        _engine = new PostgreSqlEngine(EngineSource.ForCommits(connectionString), options);
        _readers = EngineSource.ForReaders(connectionString);
        _followers = new EngineFollowers(_time);
        _core = new EngineCore(options)
        {
            WakeAppender = _append.Set,
            WakeAttacher = _attach.Set,
            WakeReattacher = _reattach.Set,
            Damaged = (stream, reason) => Tell(() => Failed?.Invoke(new InvalidDataException($"the stream {stream} does not add up: {reason}"))),
        };
        for (int lane = 0; lane < options.MaxCommits; lane++)
        {
            int number = lane;
            _running.Add(Task.Run(() => AppendAsync(number)));
        }

        _running.Add(Task.Run(AttachLoopAsync));
        _running.Add(Task.Run(ReattachLoopAsync));
        _running.Add(Task.Run(WatchAsync));
    }

    /// <summary>
    /// Called when the database does not keep lines: for the first time, and then at most every 30 s. Must not throw.
    /// </summary>
    public Action<Exception>? Failed { get; set; }

    /// <summary>Called when partitions cannot be made or dropped. It is tried again. Must not throw.</summary>
    public Action<Exception>? KeepingFailed { get; set; }

    /// <summary>Called when it keeps lines again.</summary>
    public Action? Recovered { get; set; }

    /// <inheritdoc/>
    /// <remarks>Known from the first attachment on, or as soon as the database was reached. Empty before.</remarks>
    public string Id => Volatile.Read(ref _id) ?? string.Empty;

    /// <inheritdoc/>
    public Durability Durability => _options.Durability;

    /// <summary>
    /// Looks whether the database is the store's: its schema and its version. A database that cannot be reached is no reason
    /// to throw: it is told, and waited for.
    /// </summary>
    /// <exception cref="StoreException">It has no schema of this program's version.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        try
        {
            await LearnIdAsync(cancellationToken);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            Fail(PostgreSqlEngine.Describe(e));
        }
    }

    /// <summary>The connection string as it may be shown.</summary>
    public static string HidePassword(string connectionString)
    {
        var parts = new NpgsqlConnectionStringBuilder(connectionString);
        parts.Password = parts.Password is null ? null : "(hidden)";
        return parts.ConnectionString;
    }

    /// <summary>Why this is no connection string; null if it is one. It tells nothing of a password.</summary>
    public static string? FindProblem(string connectionString)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(connectionString) is { Host: null or "" } ? "it names no Host" : null;
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            return e.Message.ReplaceLineEndings(" ");
        }
    }

    /// <inheritdoc/>
    public ValueTask<StreamAttachment> AttachAsync(string stream, IAttachmentOwner owner) => AttachAsync(stream, isShared: false, owner);

    /// <inheritdoc/>
    public ValueTask<StreamAttachment> ShareAsync(string stream, IAttachmentOwner owner) => AttachAsync(stream, isShared: true, owner);

    /// <inheritdoc/>
    public ILineCursor OpenCursor(string stream, long from)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(from, 1);
        return StreamName.IsValid(stream)
            ? new PostgreSqlCursor(_readers, _options.Schema, stream, from)
            : throw new ArgumentException("This is no name for a stream.", nameof(stream));
    }

    /// <inheritdoc/>
    public async ValueTask<bool> HasLinesAsync(string stream, CancellationToken cancellationToken)
    {
        try
        {
            await using NpgsqlCommand command = _readers.CreateCommand($"SELECT EXISTS (SELECT FROM {_options.Schema}.streams WHERE name = $1 AND count >= first)");
            command.Parameters.Add(new() { Value = stream, NpgsqlDbType = NpgsqlDbType.Text });
            return await command.ExecuteScalarAsync(cancellationToken) is true;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            throw new IOException(PostgreSqlEngine.Describe(e).Message, e);
        }
    }

    /// <inheritdoc/>
    public Task WhenReadableAsync(string stream) => _followers.NextAsync(stream);

    /// <summary>Commits what was taken, if the database answers within 5 s, and closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        _core.Close();
        long start = _time.GetTimestamp();
        while (_core.HasUncommitted && _time.GetElapsedTime(start) < LastCommits)
        {
            await Task.Delay(ShortestPause, _time);
        }

        await _stop.CancelAsync();
        await Task.WhenAll(_running);
        _core.EndAll(AttachmentEnd.StoreStopped);
        await _engine.DisposeAsync();
        await _readers.DisposeAsync();
        _stop.Dispose();
    }

    private async ValueTask<StreamAttachment> AttachAsync(string stream, bool isShared, IAttachmentOwner owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        if (Volatile.Read(ref _problem) is { } problem)
        {
            throw new StoreUnavailableException(StoreRefusal.Unavailable, problem);
        }

        StreamAttachment attachment = await _core.AttachAsync(stream, isShared, owner);
        if (_id is not null)
        {
            return attachment;
        }

        try
        {
            await LearnIdAsync(_stop.Token);
            return attachment;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or StoreException or OperationCanceledException)
        {
            attachment.Detach();
            throw new StoreUnavailableException(StoreRefusal.Unavailable, PostgreSqlEngine.Describe(e).Message);
        }
    }

    private async Task LearnIdAsync(CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await _readers.OpenConnectionAsync(cancellationToken);
        Volatile.Write(ref _id, await EngineSchema.ReadIdAsync(connection, _options.Schema, cancellationToken));
    }

    private Task AppendAsync(int lane) => RepeatAsync(_append, _core.TakeAppendGroup, async group =>
    {
        try
        {
            _core.Appended(group, await _engine.AppendAsync(lane, group.Pieces, _stop.Token));
            _followers.Tell(group.Holds.Select(hold => hold.Stream));
        }
        catch (Exception e)
        {
            _core.AppendUnknown(group);
            if (PostgreSqlEngine.Describe(e) is { Refusal: StoreRefusal.Failed } failure)
            {
                _core.EndOutstanding(AttachmentEnd.StoreFailed, failure.Message);
            }

            throw;
        }
    });

    private Task AttachLoopAsync() => RepeatAsync(_attach, _core.TakeAttachGroup, async group =>
    {
        try
        {
            _core.Attached(group, await _engine.AttachAsync([.. group.Select(hold => new AttachRequest(hold.Stream, hold.IsShared))], _stop.Token));
        }
        catch (Exception e)
        {
            EngineException failure = PostgreSqlEngine.Describe(e);
            _core.AttachFailed(group, failure.Refusal, failure.Message);
            throw;
        }
    });

    private Task ReattachLoopAsync() => RepeatAsync(_reattach, _core.TakeReattachGroup, async group =>
    {
        try
        {
            _core.Reattached(group, await _engine.ReattachAsync([.. group.Select(hold => hold.Position!)], _stop.Token));
        }
        catch
        {
            _core.ReattachFailed(group);
            throw;
        }
    });

    /// <summary>Takes groups and gives them to the engine, one after the other. After a failure it pauses.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever goes wrong is told, and tried again: the store does not end by itself.")]
    private async Task RepeatAsync<T>(Signal signal, Func<T?> take, Func<T, Task> ask)
        where T : class
    {
        TimeSpan pause = ShortestPause;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                if (take() is { } group)
                {
                    await ask(group);
                    pause = ShortestPause;
                    Succeed();
                }
                else
                {
                    await signal.WaitAsync(_stop.Token);
                }
            }
            catch (Exception e) when (!_stop.IsCancellationRequested)
            {
                Fail(PostgreSqlEngine.Describe(e));
                await PauseAsync(pause);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                signal.Set(); // what failed is to be taken again
            }
            catch (OperationCanceledException)
            {
                // The store stops.
            }
            catch (Exception e)
            {
                Trace.TraceError($"while the store stopped: {e}");
            }
        }
    }

    /// <summary>Looks after followers, standbys, and lines that wait for too long.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "As above.")]
    private async Task WatchAsync()
    {
        long stored = 0;
        long progress = _time.GetTimestamp();
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await PauseAsync(_options.PollInterval);
                if (!_core.HasUncommitted || _core.StoredPieces != stored)
                {
                    stored = _core.StoredPieces;
                    progress = _time.GetTimestamp();
                }
                else if (_time.GetElapsedTime(progress) >= _options.Patience)
                {
                    _core.EndOutstanding(AttachmentEnd.Unavailable, Volatile.Read(ref _problem) ?? "PostgreSQL does not answer");
                    progress = _time.GetTimestamp();
                }

                await LookAsync();
            }
            catch (Exception e) when (!_stop.IsCancellationRequested)
            {
                Fail(PostgreSqlEngine.Describe(e));
            }
            catch (Exception) when (_stop.IsCancellationRequested)
            {
                // Ended with it.
            }
        }
    }

    private async Task LookAsync()
    {
        await using NpgsqlConnection connection = await _readers.OpenConnectionAsync(_stop.Token);
        if (await EngineWatch.FindProblemAsync(connection, _options.Durability, _stop.Token) is { } problem)
        {
            Fail(new EngineException(StoreRefusal.Unavailable, problem));
            return;
        }

        Succeed();
        if (_id is null)
        {
            Volatile.Write(ref _id, await EngineSchema.ReadIdAsync(connection, _options.Schema, _stop.Token));
        }

        if (_maintained is not { } last || _time.GetElapsedTime(last) >= MaintainInterval)
        {
            await MaintainAsync();
        }

        string[] followed = _followers.TakeStreams();
        if (followed.Length > 0)
        {
            await using var command = new NpgsqlCommand($"SELECT name, count FROM {_options.Schema}.streams WHERE name = ANY ($1)", connection);
            command.Parameters.Add(new() { Value = followed, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
            await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(_stop.Token);
            while (await reader.ReadAsync(_stop.Token))
            {
                _followers.Look(reader.GetString(0), reader.GetInt64(1));
            }
        }
    }

    /// <summary>Partitions. What fails is tried again in an hour: there are days ahead.</summary>
    private async Task MaintainAsync()
    {
        _maintained = _time.GetTimestamp();
        try
        {
            await using NpgsqlConnection connection = await _readers.OpenConnectionAsync(_stop.Token);
            _ = await EngineSchema.MaintainAsync(connection, _options.Schema, _options.MaxAge, _stop.Token);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            Tell(() => KeepingFailed?.Invoke(PostgreSqlEngine.Describe(e)));
        }
    }

    private async Task PauseAsync(TimeSpan pause)
    {
        try
        {
            await Task.Delay(pause, _time, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // The store stops.
        }
    }

    private void Fail(EngineException failure)
    {
        lock (_lock)
        {
            Volatile.Write(ref _problem, failure.Message);
            if (_told is { } told && _time.GetElapsedTime(told) < TellInterval)
            {
                return;
            }

            _told = _time.GetTimestamp();
            _isTold = true;
        }

        Tell(() => Failed?.Invoke(failure));
    }

    private void Succeed()
    {
        lock (_lock)
        {
            if (_problem is null)
            {
                return;
            }

            Volatile.Write(ref _problem, null);
            if (!_isTold)
            {
                return;
            }

            _isTold = false;
        }

        Tell(() => Recovered?.Invoke());
    }

    /// <summary>Whoever listens cannot end the loops.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "As above.")]
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
}
