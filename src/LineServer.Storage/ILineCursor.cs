namespace LineServer.Storage;

/// <summary>Reads the lines of a stream of an <see cref="ILineStore"/>, from a line number on. For one caller at a time.</summary>
public interface ILineCursor : IDisposable
{
    /// <summary>The number of the next line that <see cref="ReadAsync"/> returns.</summary>
    long NextLine { get; }

    /// <summary>Returns the next whole lines, each with its LF; empty if there are none now.</summary>
    /// <param name="most">The most lines.</param>
    /// <param name="cancellationToken">Ends a wait for the store.</param>
    /// <returns>The bytes; valid until the next call.</returns>
    /// <exception cref="LineNotKeptException">The next line was removed by retention.</exception>
    /// <exception cref="IOException">The store cannot be read.</exception>
    /// <exception cref="InvalidDataException">What is stored is damaged.</exception>
    ValueTask<ReadOnlyMemory<byte>> ReadAsync(long most, CancellationToken cancellationToken);
}
