using LineServer.Transports.Epoll;

namespace LineServer.Configuration;

/// <summary>The section <c>Epoll</c>: options of the epoll transport, under its names.</summary>
internal sealed class EpollSettings
{
    // Each loop is a thread. With too many, threads would fail to start one by one, with different errors.
    private const int MostLoops = 1024;

    private static readonly EpollTransportOptions Defaults = new();

    /// <summary><see cref="EpollTransportOptions.LoopCount"/>.</summary>
    public int LoopCount { get; set; } = Defaults.LoopCount;

    /// <summary><see cref="EpollTransportOptions.ReadBudget"/>.</summary>
    public int ReadBudget { get; set; } = Defaults.ReadBudget;

    /// <summary><see cref="EpollTransportOptions.HeldLoopThreshold"/>.</summary>
    public TimeSpan? HeldLoopThreshold { get; set; } = Defaults.HeldLoopThreshold;

    /// <summary>
    /// Describes each value that is out of range; each text begins with the name of its key.
    /// </summary>
    public IEnumerable<string> Validate()
    {
        foreach (string problem in new EpollTransportOptions { LoopCount = LoopCount, ReadBudget = ReadBudget, HeldLoopThreshold = HeldLoopThreshold }.Validate())
        {
            yield return problem;
        }

        if (LoopCount > MostLoops)
        {
            yield return $"{nameof(LoopCount)} must be at most {MostLoops}, not {LoopCount}.";
        }

        if (ReadBudget > ServerLimits.LargestSize)
        {
            yield return $"{nameof(ReadBudget)} must be at most {ServerLimits.LargestSize}, not {ReadBudget}.";
        }
    }
}
